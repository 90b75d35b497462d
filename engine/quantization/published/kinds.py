"""Every way of publishing quantised weights that is known by name, and what each one asks of a machine.

Kinds, packages and lowest versions are those of transformers 5.23 (quantizers/auto.py, the validate_environment of each
quantizer, utils/import_utils.py). A kind that is not in KINDS is refused: transformers would skip the quantisation with
a log line and load packed numbers as if they were weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The name under which MXFP4 experts are loaded without unpacking them, and the kinds of models (`model_type`) whose
# experts can be: transformers dispatches them through its experts interface. All others are unpacked.
KEPT_MXFP4 = "hearth_mxfp4"
MXFP4_MODELS = frozenset({"gpt_oss"})

_FETCHES_CODE = "it runs on code that is fetched from the internet while loading, which Hearth does not allow"


@dataclass(frozen=True)
class Package:
    """A distribution that has to be installed, and its lowest version (empty: any)."""

    name: str
    lowest: str = ""

    @property
    def words(self) -> str:
        """For a sentence: `optimum 1.24.0 or later`."""
        return f"{self.name} {self.lowest} or later" if self.lowest else self.name

    @property
    def installed_as(self) -> str:
        """For pip: `'optimum>=1.24.0'`; quoted as shells read `>` and brackets."""
        wanted = f"{self.name}>={self.lowest}" if self.lowest else self.name
        return f"'{wanted}'" if {">", "["} & {*wanted} else wanted


@dataclass(frozen=True)
class Kind:
    """What one way of quantising means; bits_key names where its configuration says how many bits.

    bits: of a weight, if the configuration does not say. needs_cuda, capability: the card that its kernels are for.
    unpacks: transformers turns it into 16 bit while loading, so that no kernel is needed. dtype: the only 16-bit
    format that its layers compute in. compiles: its layers are compiled when they first run. never: why it can't be
    loaded anywhere, as a clause.
    """

    label: str
    bits: int = 4
    bits_key: str = "bits"
    packages: tuple[Package, ...] = ()
    needs_cuda: bool = False
    capability: tuple[int, int] = (0, 0)
    unpacks: bool = False
    dtype: str = ""
    compiles: bool = False
    never: str = ""


_BITSANDBYTES = (Package("bitsandbytes", "0.46.1"),)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "bitsandbytes_4bit": Kind("bitsandbytes", 4, bits_key="", packages=_BITSANDBYTES),
        "bitsandbytes_8bit": Kind("bitsandbytes", 8, bits_key="", packages=_BITSANDBYTES),
        "gptq": Kind("GPTQ", packages=(Package("optimum", "1.24.0"), Package("gptqmodel", "1.4.3")), dtype="float16"),
        "awq": Kind("AWQ", packages=(Package("gptqmodel"),), dtype="float16"),
        "auto-round": Kind("AutoRound", packages=(Package("auto-round", "0.5.0"),), dtype="float16"),
        "compressed-tensors": Kind(
            "compressed-tensors", 8, bits_key="", packages=(Package("compressed-tensors", "0.15.0"),), unpacks=True
        ),
        "fp8": Kind("FP8", 8, bits_key="", unpacks=True),
        "mxfp8": Kind("MXFP8", 8, bits_key="", unpacks=True),
        "mxfp4": Kind("MXFP4", 4, bits_key="", unpacks=True),
        "metal": Kind("Metal", unpacks=True),
        "gemma": Kind("Gemma", bits_key="num_bits"),
        "bitnet": Kind("BitNet", 2, bits_key="", compiles=True),
        "torchao": Kind("torchao", 8, bits_key="", packages=(Package("torchao", "0.15.0"),)),
        "quanto": Kind("Quanto", 8, bits_key="", packages=(Package("optimum"), Package("optimum-quanto"))),
        "aqlm": Kind("AQLM", 2, bits_key="", packages=(Package("aqlm[gpu,cpu]"),)),
        "sinq": Kind("SINQ", bits_key="nbits", packages=(Package("sinq"),)),
        "quark": Kind("Quark", 8, bits_key="", packages=(Package("amd-quark", "0.12"),)),
        "hqq": Kind("HQQ", bits_key="nbits", packages=(Package("hqq", "0.2.1"),), needs_cuda=True),
        "vptq": Kind("VPTQ", 2, bits_key="", packages=(Package("vptq", "0.0.4"),), needs_cuda=True),
        "spqr": Kind("SpQR", 3, packages=(Package("spqr_quant[gpu]"),), needs_cuda=True, dtype="float16"),
        "fouroversix": Kind("Four Over Six", packages=(Package("fouroversix"),), needs_cuda=True),
        "higgs": Kind(
            "HIGGS", needs_cuda=True, packages=(Package("flute-kernel", "0.4.1"), Package("fast_hadamard_transform"))
        ),
        "fbgemm_fp8": Kind(
            "FBGEMM FP8", 8, bits_key="", packages=(Package("fbgemm-gpu-genai"),), needs_cuda=True,
            capability=(9, 0), dtype="bfloat16",
        ),
        "fp_quant": Kind(
            "FP-Quant", bits_key="", packages=(Package("fp_quant", "0.3.2"), Package("qutlass", "0.2.0")),
            needs_cuda=True, capability=(10, 0), dtype="bfloat16",
        ),
        "eetq": Kind("EETQ", 8, bits_key="", never=_FETCHES_CODE),
        "nvfp4": Kind("NVFP4", never="the transformers library cannot read weights that are stored this way yet"),
        "gguf": Kind("GGUF", bits_key="", never="a GGUF file is opened by itself, not through a folder"),
        "modelopt": Kind("ModelOpt", bits_key="", never="the transformers library does not know it"),
        "mlx": Kind("MLX", never="it is made for Apple's own library"),
    }
)  # fmt: skip

"""What this machine has, as plain values for the planner, the window and `hearth doctor`."""

import msgspec


class Gpu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One CUDA device. Memory in bytes; compute_capability as (major, minor).

    bandwidth_bytes_per_second: bytes read plus bytes written by a copy; 0 if not known. bandwidth_source says where it
    is from: `measured`, `data sheet` or empty. transfer_bytes_per_second: from pinned main memory to the card, as
    measured; 0 if not known. is_integrated: its memory is the processor's.
    """

    index: int
    name: str
    compute_capability: tuple[int, int]
    total_bytes: int
    free_bytes: int
    supports_bf16: bool
    bandwidth_bytes_per_second: float = 0.0
    bandwidth_source: str = ""
    transfer_bytes_per_second: float = 0.0
    is_integrated: bool = False


class Hardware(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """GPUs first, then the CPU and RAM that are always there; versions of what the engine stands on.

    quantization_kernels: what was tried and works, `cpu int8`, `cpu nf4`, `cuda int8`, `cuda nf4`, `mps int8`.
    quantization_problem: why others don't, empty if all do. platform: `linux`, `windows` or `darwin`. RAM counts what a
    container allows. Bandwidths: bytes read plus bytes written by a copy; 0 if not known. mps_memory_bytes: what
    Metal recommends to use at most of the memory that Apple's GPU shares with the processor; 0 without one.
    """

    system: str
    cpu_name: str
    physical_cores: int
    cpu_features: tuple[str, ...]
    ram_total_bytes: int
    ram_available_bytes: int
    disk_free_bytes: int
    gpus: tuple[Gpu, ...] = ()
    cuda_build: str = ""
    driver: str = ""
    gpu_problem: str = ""
    versions: dict[str, str] = {}
    attention_kernels: tuple[str, ...] = ()
    quantization_kernels: tuple[str, ...] = ()
    platform: str = "linux"
    cpu_computes_bf16: bool = False
    ram_bandwidth_bytes_per_second: float = 0.0
    has_mps: bool = False
    quantization_problem: str = ""
    mps_memory_bytes: int = 0
    mps_bandwidth_bytes_per_second: float = 0.0

"""Which attention kernels really work here: each one is tried on a tiny tensor and compared with a plain product."""

import functools
import warnings
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from engine.hardware.faults import is_of_the_moment

_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
_PACKAGE = "flash-attn package"
_OF_KIND = {"cuda": (_PACKAGE, *_BACKENDS), "mps": ("math",), "cpu": ("flash", "math")}
_SHAPE = (1, 2, 16, 64)  # (batch, heads, length, head_dim)
_MOST_ERROR = 0.02


@dataclass(frozen=True)
class AttentionFindings:
    """Names such as `cuda flash` or `cpu math`, in the order in which they would be preferred.

    is_lasting: False if there was no room to try one of them, or the card was lost meanwhile.
    """

    kernels: tuple[str, ...]
    is_lasting: bool = True


def working_attention_kernels(devices: tuple[str, ...]) -> AttentionFindings:
    """Try what there is for `cuda:0`, `cuda:1`, `mps` and `cpu`; several cards have what works on each of them."""
    names = []
    is_lasting = True
    for kind in dict.fromkeys(device.partition(":")[0] for device in devices):
        same = [device for device in devices if device.partition(":")[0] == kind]
        for name in _OF_KIND[kind]:
            try:
                works = all(_tried(device, name) for device in same)
            except (RuntimeError, MemoryError):
                works = is_lasting = False
            if works:
                names.append(f"{kind} {name}")
    return AttentionFindings(tuple(names), is_lasting)


@functools.cache
def _tried(device: str, name: str) -> bool:
    dtype = torch.float32 if device == "cpu" else torch.float16
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(_SHAPE, generator=generator) for _ in range(3))
    expected = torch.softmax(query @ key.transpose(-2, -1) / _SHAPE[-1] ** 0.5, dim=-1) @ value
    attend = _attend_by_package if name == _PACKAGE else functools.partial(_attend, _BACKENDS[name])
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of each reason why a kernel can't be had
            found = attend(*(tensor.to(device, dtype) for tensor in (query, key, value))).float().cpu()
    except Exception as error:  # each kernel, driver and package has its own way to refuse
        if is_of_the_moment(error):
            raise
        return False
    return float((found - expected).norm() / expected.norm()) < _MOST_ERROR


def _attend(backend: SDPBackend, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    with sdpa_kernel([backend]):
        return scaled_dot_product_attention(query, key, value)


def _attend_by_package(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    from flash_attn import flash_attn_func  # type: ignore[import-not-found,unused-ignore]

    swapped = (tensor.transpose(1, 2) for tensor in (query, key, value))  # (batch, length, heads, head_dim)
    answer: torch.Tensor = flash_attn_func(*swapped)
    return answer.transpose(1, 2)

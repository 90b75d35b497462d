"""Which attention kernels really work here: each one is tried on a tiny tensor."""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


def working_attention_kernels(with_cuda: bool) -> tuple[str, ...]:
    """Return names such as `cuda flash` or `cpu math`, in the order in which they would be preferred."""
    names = [f"cuda {name}" for name, backend in _BACKENDS.items() if with_cuda and _works("cuda", backend)]
    if with_cuda and _flash_attn_works():
        names.insert(0, "cuda flash-attn package")
    names += [f"cpu {name}" for name in ("flash", "math") if _works("cpu", _BACKENDS[name])]
    return tuple(names)


def _works(device: str, backend: SDPBackend) -> bool:
    dtype = torch.float16 if device == "cuda" else torch.float32
    try:
        query = torch.zeros(1, 2, 16, 64, device=device, dtype=dtype)  # (batch, heads, length, head_dim)
        with sdpa_kernel([backend]), torch.inference_mode():
            scaled_dot_product_attention(query, query, query)
        if device == "cuda":
            torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True


def _flash_attn_works() -> bool:
    try:
        from flash_attn import flash_attn_func  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return False
    try:
        query = torch.zeros(1, 16, 2, 64, device="cuda", dtype=torch.float16)  # (batch, length, heads, head_dim)
        flash_attn_func(query, query, query, causal=True)
        torch.cuda.synchronize()
    except (RuntimeError, TypeError):
        return False
    return True

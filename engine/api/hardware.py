"""What this machine has, as plain values for the planner, the window and `hearth doctor`."""

import msgspec


class Gpu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One CUDA device. Memory in bytes; compute_capability as (major, minor)."""

    index: int
    name: str
    compute_capability: tuple[int, int]
    total_bytes: int
    free_bytes: int
    supports_bf16: bool


class Hardware(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """GPUs first, then the CPU and RAM that are always there; versions of what the engine stands on."""

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

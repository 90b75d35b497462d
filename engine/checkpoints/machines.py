"""The hardware to plan for: this computer without the model that is to be replaced, or one that is only supposed."""

from collections import Counter

import msgspec
import psutil

from engine.api.commands import SupposedMachine
from engine.api.hardware import Hardware
from engine.checkpoints.loader import LoadedModel
from engine.hardware.known_cards import hypothetical_gpu

_CUDA_KERNELS = ("cuda int8", "cuda nf4")


def supposed_hardware(hardware: Hardware, supposed: SupposedMachine | None) -> Hardware:
    """Return the hardware with what is supposed put in place of what is here.

    Of supposed cards it is taken that the 8-bit and 4-bit kernels work.
    """
    if supposed is None:
        return hardware
    if supposed.ram_bytes is not None:
        hardware = msgspec.structs.replace(
            hardware, ram_available_bytes=supposed.ram_bytes, ram_total_bytes=supposed.ram_bytes
        )
    if supposed.cards is None:
        return hardware
    card = hypothetical_gpu(supposed.vram_bytes, supposed.compute_capability)
    kernels, attention = (
        tuple(kernel for kernel in known if kernel.startswith("cpu "))
        for known in (hardware.quantization_kernels, hardware.attention_kernels)
    )
    return msgspec.structs.replace(
        hardware,
        gpus=tuple(msgspec.structs.replace(card, index=index) for index in range(supposed.cards)),
        gpu_problem="",
        has_mps=False,
        mps_memory_bytes=0,
        mps_bandwidth_bytes_per_second=0.0,
        attention_kernels=attention,
        quantization_kernels=(*kernels, *(_CUDA_KERNELS if supposed.cards else ())),
    )


def with_freed(hardware: Hardware, replaced: LoadedModel) -> Hardware:
    """Return the hardware as if the loaded model had been given up: its weights and conversation count as free."""
    freed = freed_bytes(replaced)
    gpus = tuple(
        msgspec.structs.replace(
            gpu, free_bytes=min(gpu.free_bytes + freed.get(f"cuda:{gpu.index}", 0), gpu.total_bytes)
        )
        for gpu in hardware.gpus
    )
    # On a processor memory counts as taken only once it has been written to.
    shared = sum(count for device, count in freed.items() if not device.startswith("cuda"))
    in_ram = min(shared, _own_memory_bytes())
    available = min(hardware.ram_available_bytes + in_ram, hardware.ram_total_bytes)
    return msgspec.structs.replace(hardware, gpus=gpus, ram_available_bytes=available)


def freed_bytes(replaced: LoadedModel) -> dict[str, int]:
    """Return the bytes of weights and conversation by device (`cuda:0`, `cpu`, `mps`) that the loaded model holds."""
    plan = replaced.plan
    held = Counter({_device(plan.device): 0})
    for parameter in replaced.model.parameters():
        if parameter.device.type not in ("cpu", "meta"):
            held[_device(str(parameter.device))] += parameter.nbytes
    on_devices = plan.parts.weights_bytes + plan.parts.kv_bytes
    total = held.total()
    shares = {device: count / total if total else 1.0 for device, count in held.items()}
    freed = Counter({device: int(on_devices * share) for device, share in shares.items()})
    freed["cpu"] += plan.parts.offloaded_bytes
    if replaced.draft is not None:
        freed.update(freed_bytes(replaced.draft))  # a Counter adds
    return dict(freed)


def _device(name: str) -> str:
    return "cuda:0" if name == "cuda" else name.removesuffix(":0") if name.startswith(("cpu", "mps")) else name


def _own_memory_bytes() -> int:
    """What this process alone holds of main memory: files that are mapped into it are free anyway."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))

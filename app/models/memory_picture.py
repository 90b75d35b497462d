"""What takes how much of the memory: the loaded model by its plan, other programs and the rest by measuring."""

from dataclasses import dataclass
from enum import StrEnum

from app.language import joined, tr
from app.models.amounts import memory
from engine.api.hardware import Gpu, Hardware
from engine.api.plan import Plan

_CUDA = "cuda"


class Part(StrEnum):
    """What a piece of the bar stands for, in the order of the bar."""

    WEIGHTS = "weights"
    CONVERSATION = "conversation"
    WORKING = "working"
    OTHERS = "others"
    FREE = "free"


@dataclass(frozen=True)
class MemoryPicture:
    """Bytes by part; together they are all of the memory. place says which memory it is."""

    place: str
    sizes: dict[Part, int]

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return sum(self.sizes.values())

    @property
    def arithmetic(self) -> str:
        """The sum as one line."""
        terms = [f"{memory(size)} {part_words(part)}" for part, size in self.sizes.items() if size or part is Part.FREE]
        return f"{memory(self.total_bytes)} = {' + '.join(terms)}"


def memory_picture(plan: Plan, hardware: Hardware | None) -> MemoryPicture | None:
    """Return the picture for a loaded model; None if the plan says nothing about memory.

    Without a measurement there are no other programs in it: what there was to plan with is taken for all.
    """
    parts = plan.parts
    own = {
        Part.WEIGHTS: parts.weights_bytes,
        Part.CONVERSATION: parts.kv_bytes,
        Part.WORKING: parts.working_bytes + parts.overhead_bytes,
    }
    if not parts.weights_bytes:
        return None
    taken = sum(own.values())
    measured = _measured(plan, hardware) if hardware is not None else None
    if measured is None:
        free = max(0, parts.free_bytes - taken)
        return MemoryPicture(plan.device_name or plan.device, {**own, Part.OTHERS: 0, Part.FREE: free})
    place, total, available = measured
    others = max(0, total - available - taken)
    free = max(0, total - taken - others)
    return MemoryPicture(place, {**own, Part.OTHERS: others, Part.FREE: free})


def part_words(part: Part) -> str:
    """Return what a part is called."""
    return {
        Part.WEIGHTS: tr("weights"),
        Part.CONVERSATION: tr("conversation"),
        Part.WORKING: tr("working space"),
        Part.OTHERS: tr("other programs"),
        Part.FREE: tr("free"),
    }[part]


def _measured(plan: Plan, hardware: Hardware) -> tuple[str, int, int] | None:
    """Return name, size and free bytes of the memory that the model is in."""
    if not plan.device.startswith(_CUDA):
        return tr("Main memory"), hardware.ram_total_bytes, hardware.ram_available_bytes
    cards = _cards(plan, hardware)
    if not cards:
        return None
    names = joined((card.name for card in cards), ", ")
    return names, sum(card.total_bytes for card in cards), sum(card.free_bytes for card in cards)


def _cards(plan: Plan, hardware: Hardware) -> list[Gpu]:
    used = {plan.device, *plan.device_map.values()}
    indices = {int(device.rpartition(":")[2]) if ":" in device else 0 for device in used if device.startswith(_CUDA)}
    return [gpu for gpu in hardware.gpus if gpu.index in indices]

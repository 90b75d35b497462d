"""What a computer has, in one line for people. Pure."""

from app.models.amounts import memory
from engine.api.hardware import Hardware


def hardware_words(hardware: Hardware) -> str:
    """Return the graphics cards, or the processor, and the main memory."""
    cards = [f"{gpu.name} with {memory(gpu.total_bytes)}" for gpu in hardware.gpus]
    ram = f"{memory(hardware.ram_total_bytes)} of main memory"
    if cards:
        return f"{', '.join(cards)}, and {ram}"
    return f"{hardware.cpu_name}, {ram}, no graphics card that Hearth can use"

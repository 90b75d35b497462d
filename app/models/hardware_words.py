"""What a computer has, in one line for people. Pure."""

from app.engine_words import said
from app.language import joined, tr
from app.models.amounts import memory
from engine.api.hardware import Hardware


def hardware_words(hardware: Hardware) -> str:
    """Return the graphics cards, or the processor, and the main memory; then why a card is not used, if one isn't."""
    words = _parts(hardware)
    if hardware.gpu_problem:
        return tr("{computer}. {problem}").format(computer=words, problem=said(hardware.gpu_problem))
    return words


def _parts(hardware: Hardware) -> str:
    cards = [tr("{name} with {memory}").format(name=gpu.name, memory=memory(gpu.total_bytes)) for gpu in hardware.gpus]
    ram = tr("{memory} of main memory").format(memory=memory(hardware.ram_total_bytes))
    if cards:
        return tr("{cards}, and {ram}").format(cards=joined(cards, ", "), ram=ram)
    return tr("{cpu_name}, {ram}, no graphics card that Hearth can use").format(cpu_name=hardware.cpu_name, ram=ram)

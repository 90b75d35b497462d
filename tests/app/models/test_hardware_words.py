import msgspec

from app.models.hardware_words import hardware_words
from tests.app.widgets.demo_frame import HARDWARE, NO_CARD


def test_a_card_is_named_with_its_memory() -> None:
    words = hardware_words(HARDWARE)
    assert words.startswith("NVIDIA GeForce RTX 4090 with 24")
    assert "main memory" in words


def test_without_a_card_it_is_said_why_one_is_not_used() -> None:
    words = hardware_words(NO_CARD)
    assert words.startswith("AMD Ryzen 7 5800X 8-Core Processor")
    assert f"no graphics card that Hearth can use. {NO_CARD.gpu_problem}" in words
    assert hardware_words(msgspec.structs.replace(NO_CARD, gpu_problem="")).endswith("that Hearth can use")

import msgspec
import pytest

from app.models.memory_picture import Part, memory_picture
from engine.api.hardware import Gpu, Hardware
from engine.api.plan import MemoryParts
from tests.app.widgets.demo_conversation import PLAN

GIB = 2**30
PARTS = MemoryParts(4 * GIB, 1 * GIB, GIB // 2, GIB // 2, GIB, 0, 11 * GIB)
CARDS = tuple(Gpu(index, f"Card {index}", (8, 9), 12 * GIB, 5 * GIB, True) for index in range(2))


def hardware(available_gib: float = 20) -> Hardware:
    return Hardware("Linux", "CPU", 8, (), 32 * GIB, int(available_gib * GIB), GIB, CARDS)


def plan_on(device: str, **changes: object):
    return msgspec.structs.replace(PLAN, device=device, parts=PARTS, **changes)


def test_a_card_is_shown_with_what_other_programs_take() -> None:
    picture = memory_picture(plan_on("cuda:1"), hardware())
    assert picture is not None
    assert picture.place == "Card 1"
    assert picture.sizes == {
        Part.WEIGHTS: 4 * GIB,
        Part.CONVERSATION: GIB,
        Part.WORKING: GIB,
        Part.OTHERS: GIB,  # 7 of 12 are taken, 6 of them by the model
        Part.FREE: 5 * GIB,
    }
    assert picture.arithmetic == (
        "12 GiB = 4 GiB weights + 1 GiB conversation + 1 GiB working space + 1 GiB other programs + 5 GiB free"
    )


@pytest.mark.parametrize(
    ("plan", "known", "place", "total"),
    [
        (plan_on("cpu"), hardware(), "Main memory", 32),
        (plan_on("cuda:0", device_map={"a": "cuda:0", "b": "cuda:1"}), hardware(), "Card 0, Card 1", 24),
        (plan_on("cuda:7", device_name="A card that went"), hardware(), "A card that went", 11),
        (plan_on("cpu", device_name="The processor"), None, "The processor", 11),
    ],
)
def test_the_parts_are_all_of_the_memory_there_is(plan, known: Hardware | None, place: str, total: int) -> None:
    picture = memory_picture(plan, known)
    assert picture is not None
    assert (picture.place, picture.total_bytes) == (place, total * GIB)
    assert min(picture.sizes.values()) >= 0


def test_numbers_that_contradict_each_other_never_make_a_negative_part() -> None:
    for available in (0, 31, 32):
        picture = memory_picture(plan_on("cpu"), hardware(available))
        assert picture is not None
        assert min(picture.sizes.values()) >= 0
        assert picture.total_bytes == 32 * GIB


def test_a_plan_without_numbers_has_no_picture() -> None:
    assert memory_picture(msgspec.structs.replace(PLAN, parts=MemoryParts()), hardware()) is None

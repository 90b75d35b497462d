import msgspec
import pytest

from app.recommendations import Candidate, ranked
from engine.api.plan import Fit, Plan
from tests.engine_scripts import PLAN

BILLION = 10**9


def candidate(name: str, billions: int) -> Candidate:
    return Candidate(
        hub_id=f"publisher/{name}", title=name, words="Good.", download_bytes=2 * billions * BILLION,
        parameters=billions * BILLION, license="apache-2.0",
    )  # fmt: skip


SMALL, MIDDLE, LARGE = candidate("small", 1), candidate("middle", 8), candidate("large", 32)
ALL = (SMALL, MIDDLE, LARGE)


def plan(fit: Fit, speed: float) -> Plan:
    return msgspec.structs.replace(PLAN, fit=fit, expected_tokens_per_second=speed)


@pytest.mark.parametrize(
    ("fits", "expected"),
    [
        ((Fit.FITS, 200.0, Fit.FITS, 50.0, Fit.FITS, 15.0), (LARGE, MIDDLE, SMALL)),
        ((Fit.FITS, 200.0, Fit.FITS, 50.0, Fit.LESS_CONTEXT, 15.0), (MIDDLE, SMALL, LARGE)),
        ((Fit.FITS, 200.0, Fit.FITS, 50.0, Fit.SLOW, 1.0), (MIDDLE, SMALL, LARGE)),
        ((Fit.FITS, 9.0, Fit.FITS, 0.1, Fit.FITS, 0.5), (SMALL, LARGE, MIDDLE)),
        ((Fit.SLOW, 20.0, Fit.SLOW, 3.0, Fit.TOO_BIG, 0.0), (SMALL, MIDDLE)),
        ((Fit.SLOW, 20.0, Fit.SLOW, 9.0, Fit.SLOW, 1.0), (SMALL, MIDDLE, LARGE)),
        ((Fit.FITS, 40.0, Fit.SLOW, 20.0, Fit.TOO_BIG, 0.0), (SMALL, MIDDLE)),
        ((Fit.SLOW, 5.0, Fit.SLOW, 3.0, Fit.TOO_BIG, 0.0), (SMALL, MIDDLE)),
        ((Fit.FITS, 0.0, Fit.FITS, 0.0, Fit.TOO_BIG, 0.0), (MIDDLE, SMALL)),
        ((Fit.TOO_BIG, 0.0, Fit.TOO_BIG, 0.0, Fit.TOO_BIG, 0.0), ()),
    ],
)
def test_the_most_capable_that_is_pleasant_comes_first(
    fits: tuple[object, ...], expected: tuple[Candidate, ...]
) -> None:
    plans = {each.hub_id: plan(*fits[2 * place : 2 * place + 2]) for place, each in enumerate(ALL)}  # type: ignore[arg-type]
    assert ranked(ALL, plans) == expected


def test_what_was_not_planned_is_not_recommended() -> None:
    assert ranked(ALL, {SMALL.hub_id: plan(Fit.FITS, 100.0)}) == (SMALL,)
    assert ranked(ALL, {}) == ()

"""The steps that turn one list into another, so that a view keeps selection and place. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_STEPS = 64


@dataclass(frozen=True)
class Removal:
    """Rows first to last go."""

    first: int
    last: int


@dataclass(frozen=True)
class Move:
    """One row goes up or down; both places count in the list as it is before, and after."""

    source: int
    target: int


@dataclass(frozen=True)
class Insertion:
    """Rows first to last come."""

    first: int
    last: int


Step = Removal | Move | Insertion


def steps_between(old: Sequence[str], new: Sequence[str]) -> list[Step] | None:
    """Return steps to be taken in this order; None if there are so many that beginning anew is quicker.

    No key may stand twice in a list.
    """
    wanted, known = set(new), set(old)
    steps: list[Step] = [Removal(*run) for run in reversed(_runs(old, wanted))]
    insertions = [Insertion(*run) for run in _runs(new, known)]
    if len(steps) + len(insertions) > MOST_STEPS:
        return None
    moves = _moves([key for key in old if key in wanted], [key for key in new if key in known])
    return None if moves is None else [*steps, *moves, *insertions]


def _runs(keys: Sequence[str], kept: set[str]) -> list[tuple[int, int]]:
    """Return first and last place of each run of keys that are not kept."""
    runs: list[tuple[int, int]] = []
    for place, key in enumerate(keys):
        if key not in kept:
            if runs and runs[-1][1] == place - 1:
                runs[-1] = (runs[-1][0], place)
            else:
                runs.append((place, place))
    return runs


def _moves(present: list[str], target: list[str]) -> list[Move] | None:
    moves: list[Move] = []
    place = 0
    while present != target:
        while present[place] == target[place]:
            place += 1
        # Whether one row has gone down or one has come up: what stands next tells.
        goes_down = place + 1 < len(present) and present[place + 1] == target[place]
        source, aim = (place, target.index(present[place])) if goes_down else (present.index(target[place]), place)
        present.insert(aim, present.pop(source))
        moves.append(Move(source, aim))
        if len(moves) > MOST_STEPS:
            return None
    return moves

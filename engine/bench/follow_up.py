"""How long a follow-up's first token takes behind a history that was read before, against reading all of it."""

from engine.api.benchmark import FollowUpRow
from engine.bench.spreads import rounds_within, spread
from engine.bench.workbench import Tell, Workbench, answered, asked

LENGTHS = (100, 500, 2000, 8000)
_BUDGET_SECONDS = 20.0
_FOLLOW_UPS = 2
_ROOM_TOKENS = 200


def measure(workbench: Workbench, tell: Tell) -> tuple[FollowUpRow, ...]:
    """Return a row for the longest history that fits window and time. Raises Cancelled."""
    length = longest_history(workbench, _BUDGET_SECONDS)
    if not length:
        needed, window = LENGTHS[0] + _ROOM_TOKENS, workbench.plan.context_window
        reason = f"it takes {needed:,} tokens, and the context window holds {window:,}"
        return (FollowUpRow(history_tokens=LENGTHS[0], skipped=reason),)
    tell(length)
    cold: list[float] = []
    warm: list[float] = []
    read = history = 0
    rounds = rounds_within(_BUDGET_SECONDS, workbench.seconds_to_read(length), most=3)
    for number in range(rounds):
        opening, conversation = workbench.prompt(length, 77 + number), workbench.new_conversation()
        first = workbench.ask(opening, conversation, 2)
        cold.append(first.statistics.time_to_first_token_seconds)
        history = first.statistics.prompt_tokens
        for question in range(_FOLLOW_UPS):
            follow_up = (*opening, answered(workbench, first), asked(f"And then, in {number + question} words?"))
            found = workbench.ask(follow_up, conversation, 1).statistics
            warm.append(found.time_to_first_token_seconds)
            read = found.prefilled_tokens
        workbench.session.forget(conversation)
    slow, quick = spread(cold), spread(warm)
    return (
        FollowUpRow(
            history_tokens=history,
            warm_seconds=quick,
            cold_seconds=slow,
            read_tokens=read,
            times_faster=slow.median / max(quick.median, 1e-9),
        ),
    )


def longest_history(workbench: Workbench, budget_seconds: float) -> int:
    """Return the longest of the lengths that fits the window and can be read twice in the time; 0 if none fits."""
    fitting = [length for length in LENGTHS if length + _ROOM_TOKENS <= workbench.plan.context_window]
    quick = [length for length in fitting if 2 * workbench.seconds_to_read(length) <= budget_seconds]
    return max(quick, default=min(fitting, default=0))

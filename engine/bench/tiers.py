"""How fast main memory and disk give a conversation back, against reading it."""

from engine.api.benchmark import TierRow
from engine.api.message import PromptMessage
from engine.api.warmth import Tier
from engine.bench.follow_up import LENGTHS, longest_history
from engine.bench.spreads import spread
from engine.bench.workbench import Tell, Workbench, answered, asked

_BUDGET_SECONDS = 15.0
_ROUNDS = 3
_MEASURED = (Tier.RAM, Tier.DISK)


def measure(workbench: Workbench, tell: Tell) -> tuple[TierRow, ...]:
    """Return a row for each tier. The workbench's session is a new one afterwards. Raises Cancelled."""
    length = longest_history(workbench, _BUDGET_SECONDS)
    if not length:
        reason = f"a history of {LENGTHS[0]} tokens doesn't fit the context window"
        return tuple(TierRow(tier=tier, skipped=reason) for tier in _MEASURED)
    tell(length)
    opening, conversation = workbench.prompt(length, 99), workbench.new_conversation()
    first = workbench.ask(opening, conversation, 2, is_kept_on_disk=True)
    read_seconds_per_token = first.statistics.prefill_seconds / max(first.statistics.prefilled_tokens, 1)
    follow_up = (*opening, answered(workbench, first), asked("And then?"))
    rows = tuple(_row(workbench, tier, follow_up, conversation, read_seconds_per_token) for tier in _MEASURED)
    workbench.session.forget(conversation)
    return rows


def _row(
    workbench: Workbench,
    tier: Tier,
    messages: tuple[PromptMessage, ...],
    conversation: str,
    read_seconds_per_token: float,
) -> TierRow:
    seconds: list[float] = []
    tokens = 0
    for _ in range(_ROUNDS):
        if tier is Tier.DISK:
            workbench.open_again()
        else:  # another conversation takes the slab
            other = workbench.new_conversation()
            workbench.ask((asked("Hello"),), other, 1)
            workbench.session.forget(other)
        found = workbench.ask(messages, conversation, 1, is_kept_on_disk=True).statistics
        if found.restored_from is tier and found.restore_seconds > 0:
            seconds.append(found.restore_seconds)
            tokens = found.restored_tokens
    if not seconds:
        return TierRow(tier=tier, skipped=_why_not(workbench, tier))
    restored = spread(seconds)
    size = tokens * workbench.plan.kv_bytes_per_token
    return TierRow(
        tier=tier,
        restored_tokens=tokens,
        restore_seconds=restored,
        bytes_per_second=size / restored.median,
        tokens_per_second=tokens / restored.median,
        times_faster_than_reading=tokens * read_seconds_per_token / restored.median,
    )


def _why_not(workbench: Workbench, tier: Tier) -> str:
    _, uses = workbench.session.describe_warmth()
    return next((f"not restored: {use.reason}" for use in uses if use.tier is tier), "not restored")

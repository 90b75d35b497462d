"""The words for what an answer cost: one quiet line, and all of it for those who ask. Pure functions."""

from collections.abc import Callable

from app.conversations.records import Message, MessageState
from app.dates import moment
from app.language import grouped, joined, mark, plain, tr
from app.models.amounts import seconds
from app.models.speculation_words import guessed_words
from app.models.warmth_words import place_name, reused_words, token_words
from engine.api.events import FinishReason, Statistics
from engine.api.rates import decimals
from engine.api.sampling import Sampling, ThinkingChoice

FitsWidth = Callable[[str], bool]
_ENDINGS = {
    FinishReason.END: mark("The model finished its answer."),
    FinishReason.MAXIMUM_TOKENS: mark("The answer reached the length that the settings allow."),
    FinishReason.CONTEXT_FULL: mark("The model's context window is full."),
    FinishReason.STOPPED: mark("You stopped it."),
}
_THINKING = {
    ThinkingChoice.OFF: mark("without thinking"),
    ThinkingChoice.ON: mark("with thinking"),
    ThinkingChoice.LOW: mark("thinking: low"),
    ThinkingChoice.MEDIUM: mark("thinking: medium"),
    ThinkingChoice.HIGH: mark("thinking: high"),
}


def _pieces(message: Message) -> list[tuple[int, str]]:
    """Return the pieces of the quiet line in the order they are read, each with how much it would be missed."""
    pieces = [(2, message.model), (0, message.precision.upper()), (3, tr("edited by you") if message.is_edited else "")]
    statistics = message.statistics
    if statistics is not None:
        if statistics.generated_tokens:
            speed = tr("{rate} tokens/s").format(rate=rate(statistics.tokens_per_second))
            pieces += [
                (4, token_words(answer_tokens(message))),
                (5, speed if statistics.has_rate else ""),
                (1, tr("first token {time}").format(time=seconds(statistics.time_to_first_token_seconds))),
            ]
        reused, read = reused_words(statistics), grouped(statistics.prefilled_tokens)
        pieces.append((6, tr("reused {reused}, read {read}").format(reused=reused, read=read)))
    return [piece for piece in pieces if piece[1]]


def answer_tokens(message: Message) -> int:
    """Return the tokens of a whole answer, also of one whose statistics are about its last part: it was continued."""
    generated = message.statistics.generated_tokens if message.statistics is not None else 0
    return max(len(message.token_ids), generated)


def statistics_line(message: Message) -> str:
    """Return the whole quiet line, "" if nothing is known."""
    return joined([text for _, text in _pieces(message)])


def shortened(message: Message, fits: FitsWidth) -> str:
    """Return the line without what is missed least, until it fits; the last piece is never left out."""
    kept = _pieces(message)
    while len(kept) > 1 and not fits(joined([text for _, text in kept])):
        kept.remove(min(kept))
    return joined([text for _, text in kept])


def statistics_details(message: Message) -> list[tuple[str, str]]:
    """Return everything that is known about an answer as (name, value) rows."""
    rows = [
        (tr("Model"), message.model),
        (tr("Precision"), message.precision.upper()),
        (tr("Time"), moment(message.created_at)),
    ]
    if message.is_edited:
        rows.append((tr("Text"), tr("Edited by you; the version beside it is what the model wrote.")))
    if message.statistics is not None:
        if answer_tokens(message) > message.statistics.generated_tokens:
            rows.append((tr("Whole answer"), token_words(answer_tokens(message))))
        rows += _measured(message.statistics)
    if message.finish_reason is not None:
        rows.append((tr("Ended because"), tr(_ENDINGS[message.finish_reason])))
    elif message.state is MessageState.INTERRUPTED:
        rows.append((tr("Ended because"), tr("It was interrupted.")))
    return [(name, value) for name, value in rows if value]


def rate(value: float) -> str:
    """Return a rate with as many digits as it deserves."""
    return grouped(value, 0 if value >= 9.95 else decimals(value))


def _measured(statistics: Statistics) -> list[tuple[str, str]]:
    speed = tr("{rate} tokens per second").format(rate=rate(statistics.tokens_per_second))
    written = [
        (tr("Written"), _in_time(statistics.generated_tokens, statistics.decode_seconds)),
        (tr("Speed"), speed if statistics.has_rate else ""),
        (tr("Guessed ahead"), guessed_words(statistics)),
        (tr("First token after"), seconds(statistics.time_to_first_token_seconds)),
    ]
    return [
        *(written if statistics.generated_tokens else []),
        (tr("Conversation so far"), token_words(statistics.prompt_tokens)),
        *_reused(statistics),
        (tr("Read anew"), _in_time(statistics.prefilled_tokens, statistics.prefill_seconds)),
        (tr("Sampling"), sampling_words(statistics.sampling) if statistics.sampling is not None else ""),
        (tr("Attention"), statistics.attention),
        (tr("Decoding"), statistics.decode),
    ]


def sampling_words(sampling: Sampling) -> str:
    """Return how each next token was chosen, and what was chosen about thinking."""
    thinking = tr(_THINKING[sampling.thinking]) if sampling.thinking is not None else ""
    values = (
        (tr("temperature {value}"), sampling.temperature, None),
        (tr("top-k {value}"), sampling.top_k, 0),
        (tr("top-p {value}"), sampling.top_p, 1.0),
        (tr("min-p {value}"), sampling.min_p, 0.0),
        (tr("repetition penalty {value}"), sampling.repetition_penalty, 1.0),
        (tr("seed {value}"), sampling.seed, None),
        (tr("at most {value} tokens"), sampling.maximum_tokens, None),
    )
    if sampling.temperature == 0:
        return joined(each for each in (tr("always the likeliest token"), thinking) if each)
    words = [text.format(value=_number(value)) for text, value, off in values if value is not None and value != off]
    return joined([*words, thinking] if thinking else words)


def _number(value: float) -> str:
    """Return a setting's value: a fraction as short as it is, a whole number (a seed) to its last digit."""
    return plain(f"{value:g}") if isinstance(value, float) else str(value)


def _reused(statistics: Statistics) -> list[tuple[str, str]]:
    """Return what was still in place, and what had to be brought back."""
    restored = statistics.restored_tokens
    in_place = (tr("Still in memory"), token_words(max(0, statistics.reused_tokens - restored)))
    if statistics.restored_from is None or not restored:
        return [in_place]
    name = tr("Back from {place_name}").format(place_name=place_name(statistics.restored_from))
    back = (name, _in_time(restored, statistics.restore_seconds))
    return [back] if restored >= statistics.reused_tokens else [in_place, back]


def _in_time(tokens: int, taken_seconds: float) -> str:
    return tr("{tokens} in {time}").format(tokens=token_words(tokens), time=seconds(taken_seconds))

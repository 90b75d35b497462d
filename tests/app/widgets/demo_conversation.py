"""Invented conversations for the widget tests and for looking at the window."""

from collections.abc import Sequence

from app.conversations.records import Conversation, Message, MessageState
from app.models.transcript_model import TranscriptEntry
from engine.api.events import FinishReason, Statistics
from engine.api.message import Role
from engine.api.plan import Plan, Precision

NOW = 1_795_251_600.0
STATISTICS = Statistics(
    prompt_tokens=6450,
    reused_tokens=6412,
    prefilled_tokens=38,
    generated_tokens=42,
    time_to_first_token_seconds=0.4,
    prefill_seconds=0.35,
    decode_seconds=1.35,
    tokens_per_second=31.1,
)
PLAN = Plan(
    checkpoint="starter",
    name="SmolLM2 135M Instruct",
    revision="",
    parameters=134_515_008,
    precision=Precision.BF16,
    precision_reason="BF16: 0.25 GiB of weights + 0.18 for 8,192 tokens = 0.43 of 12.00 GiB free on CPU.",
    device="cpu",
    device_name="CPU",
    context_window=8192,
    context_reason="8,192 tokens is the most this model was made for.",
    weight_bytes=269_060_552,
    kv_bytes_per_token=23040,
    kv_bytes=188_743_680,
)
CODE_ANSWER = """Here is a small function that does it:

```python
def words(text: str) -> list[str]:
    \"\"\"Return the words of a text in lower case.\"\"\"
    return [word.strip(".,;:!?").lower() for word in text.split()]
```

It works in three steps:

1. **Split** the text at white space.
2. **Strip** punctuation from both ends of each word.
3. **Lower** the case, so that *Hello* and *hello* count as one.

| Input | Output |
|---|---|
| `Hello, world!` | `["hello", "world"]` |
| `One two.` | `["one", "two"]` |

If you need to keep hyphens, leave them out of the stripped characters."""


def user(number: int, content: str) -> Message:
    """Return a user's message."""
    return Message(
        id=f"u{number}",
        conversation_id="c",
        parent_id=None,
        sequence=number,
        role=Role.USER,
        content=content,
        created_at=NOW,
    )


def answer(number: int, content: str, state: MessageState = MessageState.COMPLETE) -> Message:
    """Return a model's message with everything that is known about it."""
    streaming = state is MessageState.STREAMING
    return Message(
        id=f"a{number}",
        conversation_id="c",
        parent_id=None,
        sequence=number,
        role=Role.ASSISTANT,
        content=content,
        created_at=NOW,
        state=state,
        model="SmolLM2 135M Instruct",
        precision="bf16",
        finish_reason=FinishReason.END if state is MessageState.COMPLETE else None,
        statistics=None if streaming else STATISTICS,
    )


def entries(messages: Sequence[Message]) -> list[TranscriptEntry]:
    """Return the messages as entries with one version each."""
    return [TranscriptEntry(message) for message in messages]


def long_conversation(turns: int) -> list[TranscriptEntry]:
    """Return many turns of different lengths (two entries each)."""
    messages: list[Message] = []
    for turn in range(turns):
        messages.append(user(turn, f"Question {turn}: " + "what about this? " * (1 + turn % 5)))
        paragraph = f"Answer {turn}. " + "The quick brown fox jumps over the lazy dog. " * (1 + turn % 7)
        messages.append(answer(turn, CODE_ANSWER if turn % 10 == 3 else "\n\n".join([paragraph] * (1 + turn % 3))))
    return entries(messages)


def conversations() -> list[Conversation]:
    """Return what a sidebar of somebody who has used Hearth for a while shows."""
    titles = (
        ("A function that counts words", 0.0),
        ("Letter to the landlord about the heating", 0.1),
        ("Why is the sky blue?", 1.0),
        ("Birthday poem for Anna", 1.2),
        ("Explain the difference between TCP and UDP with an example from daily life", 3.0),
        ("Packing list for Iceland", 5.0),
        ("Translate: the menu", 20.0),
        ("Fourier series, slowly", 24.0),
        ("Cover letter", 51.0),
    )
    return [
        Conversation(
            id=f"c{number}" if number else "c",
            title=title,
            created_at=NOW - days * 86_400,
            updated_at=NOW - days * 86_400,
        )
        for number, (title, days) in enumerate(titles)
    ]

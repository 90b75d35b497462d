"""The invented conversations that are drawn: what a small model can't say on demand, and a list that looks lived in."""

import time

import msgspec

from app.conversations.records import Conversation, Message, MessageState, new_id
from app.conversations.store import ConversationStore
from app.paths import Paths
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import FinishReason, Statistics, WarmthDescribed
from engine.api.message import Role
from engine.api.warmth import ConversationWarmth, Tier, TierUse
from tests.engine_scripts import PLAN

MIB = 2**20
_DAY = 86_400.0
STATISTICS = Statistics(
    prompt_tokens=6450, reused_tokens=6412, prefilled_tokens=38, generated_tokens=212,
    time_to_first_token_seconds=0.12, prefill_seconds=0.12, decode_seconds=6.8, tokens_per_second=31.1,
)  # fmt: skip
RESTORED = msgspec.structs.replace(STATISTICS, restored_tokens=6412, restored_from=Tier.DISK, restore_seconds=0.21)
TITLES = (
    ("Names for a sailing boat", 0.05), ("Weekend in the Harz mountains", 1.0),
    ("Why is the sky blue?", 3.0), ("A polite letter to the landlord", 5.0), ("A reading light for the bed", 40.0),
    ("SQL: the newest row of each group", 41.0),
)  # fmt: skip
_TURNS = {
    "Why is the sky blue?": (
        "Why is the sky blue, and the evening red?",
        "Air scatters blue light far more than red light, so blue comes from everywhere. In the evening the light "
        "takes a longer way, and what is left of it is red.",
    ),
    "A polite letter to the landlord": (
        "Write to my landlord that the light in the hall is broken.",
        "Dear Mr Winter, the light in the hall has been out since Monday. Could you have it mended this week?",
    ),
    "Names for a sailing boat": ("Three names for a sailing boat, please.", "Halcyon, Northern Light, Second Wind."),
}
QUESTION = "How fast is a stone that falls off a bridge, and can you show it in Python?"
ANSWER = r"""Without air it gets faster by $g = 9.81\ \mathrm{m/s^2}$ all the time, so after falling a height $h$ it has

$$v = \sqrt{2 g h}$$

```python
def speed(height: float, g: float = 9.81) -> float:
    '''Return the speed in m/s after falling a height in m.'''
    return (2 * g * height) ** 0.5
```

| Height | Speed | As fast as |
|---|---|---|
| 5 m | 9.9 m/s | a *sprinter* |
| 20 m | 19.8 m/s | a car in **town** |
| 45 m | 29.7 m/s | a car on a `motorway` |

Twice the speed needs four times the height."""
MARKDOWN = r"""# Three days in the Harz

Goslar is the best place to begin. Its *old town* and the **mines of Rammelsberg** are
[on UNESCO's list](https://whc.unesco.org/en/list/623), and ~~nobody~~ hardly anybody is there in November.

## What to take along

1. Boots that keep the water out
2. Something against the rain:
   - a jacket, or
   - an umbrella that stands a wind of $v \approx 60\ \mathrm{km/h}$, as on the way from Torfhaus to the top of the
     Brocken, where $\sqrt{2 g h}$ is of no use and it blows on 300 days of the year
3. `map.gpx`, for there is no network in the valleys

- [x] Book the room
- [ ] Ask about the narrow-gauge railway

> The train to the Brocken goes all year. In snow it is late.
>
> > And in storms it doesn't go at all.

### How long each way is

| Way | Length | Up | Time | What there is to see |
|:--|--:|--:|--:|---|
| Goslar to Hahnenklee | 14.2 km | 410 m | 4 h 30 min | the stave church, and the lakes that were made for the mines |
| Torfhaus to the Brocken | 8.1 km | 330 m | 2 h 45 min | the moor, on planks; Goethe's way of 1777 |

---

```bash
curl --fail --location --silent "https://example.org/timetable.csv?from=Wernigerode&to=Brocken" -o trains.csv
```

The sum of all ways is

$$\sum_{i=1}^{2} s_i = 14.2 + 8.1 = 22.3\ \mathrm{km}, \qquad \bar v = \frac{22.3}{7.25} \approx 3.1\ \mathrm{km/h}$$"""
HEBREW_QUESTION = "מה ההבדל בין `list` ל-`tuple` ב-Python 3?\n\nPlease answer in Hebrew."
HEBREW_ANSWER = r"""`tuple` אינו משתנה, ו-`list` כן. למשל `point = (3, 4)`:

1. רשימה: `[1, 2, 3]`
   - אפשר להוסיף לה איברים עם `append()`
2. ערך קבוע: `(1, 2, 3)`

- [x] מהיר יותר: 40 ns
- [ ] English item

> ככלל, `tuple` מתאים לנתונים שלא ישתנו.

| סוג | זיכרון | דוגמה |
|---|---:|---|
| `list` | 88 B | `[1, 2]` |
| `tuple` | 56 B | `(1, 2)` |

```python
print("שלום", (3, 4))  # הערה
```

أما بالعربية: الدالة `len()` تعيد الطول 2."""
STREAMED = ANSWER.replace("\n\n$$v", "\n\n$$v = g t, \\qquad h = \\tfrac{1}{2} g t^2, \\qquad v", 1)


def fill_store(paths: Paths) -> dict[str, str]:
    """Store the conversations; return their ids by the name of the picture, or their title."""
    now = time.time()
    store = ConversationStore(paths.database)
    known: dict[str, str] = {}
    for title, days in TITLES:
        known[title] = _store(store, title, now - days * _DAY, [_TURNS.get(title, ("How?", "Like this."))])
    known["hebrew"] = _store(store, "ההבדל בין list ל-tuple", now - 60 * _DAY, [(HEBREW_QUESTION, HEBREW_ANSWER)])
    known["markdown"] = _store(
        store, "Three days in the Harz", now - 61 * _DAY, [("Plan three days in the Harz.", MARKDOWN)]
    )
    known["conversation"] = _store(store, "A stone off a bridge", now, [(QUESTION, ANSWER)])
    restored = [("What else could we see on the way home?", "The old mines of Goslar are worth a stop.")]
    known["restored"] = _store(store, "Three days around Goslar", now - 3, restored, statistics=RESTORED)
    turns = [(f"Question {number}?", f"Answer {number}. " + "It goes on for a while. " * 12) for number in range(300)]
    known["long"] = _store(store, "Three hundred questions", now - 1, turns)
    failed = ErrorReport(kind=ErrorKind.ENGINE_DIED, message="The engine stopped unexpectedly while answering.",
                         hint="What was written is kept. Press Continue or send your message again.")  # fmt: skip
    known["failed"] = _store(store, "A cut-off answer", now - 2, [("Tell me about tides.", "Tides are the")], failed)
    store.close()
    return known


def warmth_of(conversation_ids: list[str]) -> WarmthDescribed:
    """Return a state in which the first conversation is in place, two more are in RAM and the others on disk."""
    tiers = [Tier.DEVICE, Tier.RAM, Tier.RAM]
    conversations = []
    for place, conversation_id in enumerate(conversation_ids):
        tier, tokens = tiers[place] if place < len(tiers) else Tier.DISK, (6412, 812, 12006, 300, 4100, 960)[place % 6]
        size = {tier: tokens * PLAN.kv_bytes_per_token, Tier.DISK: tokens * PLAN.kv_bytes_per_token}
        conversations.append(
            ConversationWarmth(
                conversation_id=conversation_id, tier=tier, tokens=tokens,
                ram_bytes=size.get(Tier.RAM, 0), disk_bytes=size[Tier.DISK],
            )
        )  # fmt: skip
    uses = (
        TierUse(tier=Tier.DEVICE, used_bytes=180 * MIB, budget_bytes=180 * MIB, is_used=True,
                reason="the running conversation"),
        TierUse(tier=Tier.RAM, used_bytes=282 * MIB, budget_bytes=4096 * MIB, is_used=True,
                reason="restores 152,000 tokens per second, reading again does 412"),
        TierUse(tier=Tier.DISK, used_bytes=1340 * MIB, budget_bytes=4096 * MIB, is_used=True,
                reason="restores 41,300 tokens per second, reading again does 412"),
    )  # fmt: skip
    return WarmthDescribed(command_id="invented", conversations=tuple(conversations), tiers=uses)


def _store(
    store: ConversationStore,
    title: str,
    at: float,
    turns: list[tuple[str, str]],
    error: ErrorReport | None = None,
    statistics: Statistics = STATISTICS,
) -> str:
    conversation = Conversation(id=new_id(), title=title, created_at=at, updated_at=at, title_is_manual=True)
    messages: list[Message] = []
    parent: str | None = None
    for question, answer in turns:
        for role, text in ((Role.USER, question), (Role.ASSISTANT, answer)):
            is_answer = role is Role.ASSISTANT
            interrupted = is_answer and error is not None
            message = Message(
                id=new_id(), conversation_id=conversation.id, parent_id=parent, sequence=store.next_sequence(),
                role=role, content=text, created_at=at, model="Example model" if is_answer else "",
                state=MessageState.INTERRUPTED if interrupted else MessageState.COMPLETE,
                precision="bf16" if is_answer else "", statistics=statistics if is_answer else None,
                finish_reason=FinishReason.END if is_answer and not interrupted else None,
                error=error if interrupted else None,
            )  # fmt: skip
            messages.append(message)
            parent = message.id
    store.save_turn(msgspec.structs.replace(conversation, active_leaf_id=parent), messages)
    return conversation.id

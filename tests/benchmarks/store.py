"""How long conversations take to open, and what keeping a growing answer costs: python -m tests.benchmarks.store

A conversation of 10,000 messages (half of them answers of 300 tokens) is opened from a cold process's point of view:
the store is opened, the messages are loaded, the tree is built and the shown branch walked. Budget: 1 s; goal: 0.3 s.
Prints one JSON object; times are in seconds, the best of several runs.
"""

import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from app.conversations.attachment import Attachment
from app.conversations.records import Conversation, Message, MessageState
from app.conversations.store import ConversationStore
from app.conversations.tree import ConversationTree
from engine.api.events import FinishReason, Statistics
from engine.api.message import Role

MESSAGES = 10_000
SEARCHED_MESSAGES = 100_000
MESSAGES_FOR_EACH_FILE = 50
TOKENS = 300
RUNS = 5
WORDS = "the of and to in a is that it was for on are with as his they be at one have this from or had by hot word but"
STATISTICS = Statistics(1000, 900, 100, TOKENS, 0.1, 0.1, 5.0, 60.0)


def conversation_of(count: int) -> tuple[Conversation, list[Message]]:
    """Return a conversation and its messages, one branch of alternating questions and answers."""
    messages = [_message(number) for number in range(count)]
    return Conversation(id="c", title="Long", created_at=0.0, updated_at=0.0, active_leaf_id=messages[-1].id), messages


def _message(number: int) -> Message:
    is_answer = number % 2 == 1
    return Message(
        id=f"{number:032x}",
        conversation_id="c",
        parent_id=f"{number - 1:032x}" if number else None,
        sequence=number + 1,
        role=Role.ASSISTANT if is_answer else Role.USER,
        content=f"{number} {WORDS} " * (10 if is_answer else 1),
        created_at=float(number),
        token_ids=tuple((number * 31 + each * 7919) % 150_000 for each in range(TOKENS)) if is_answer else (),
        tokenizer_id="tokenizer" if is_answer else "",
        model="SmolLM2-135M-Instruct" if is_answer else "",
        precision="bf16" if is_answer else "",
        finish_reason=FinishReason.END if is_answer else None,
        statistics=STATISTICS if is_answer else None,
    )


def open_long_conversation(path: Path) -> int:
    """Open the database and walk the branch that is shown; returns its length."""
    store = ConversationStore(path)
    try:
        (conversation,) = store.list_conversations()
        tree = ConversationTree(store.load_messages(conversation.id))
        return len(tree.branch(conversation.active_leaf_id))
    finally:
        store.close()


def best(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the shortest of some runs, in seconds: what disturbs only ever adds."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def growing_answer(store: ConversationStore, characters: int) -> float:
    """Return the seconds one save of an unfinished answer of this length takes."""
    text = (WORDS * (characters // len(WORDS) + 1))[:characters]
    answer = msgspec.structs.replace(
        _message(1), id="growing", content=text, token_ids=(7,) * (characters // 4), state=MessageState.STREAMING
    )
    store.save_message(answer)
    return best(lambda: store.save_message(answer))


def search_times(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the seconds it takes to find a rare word, words of every message, and the beginning of one.

    One of fifty messages has a file. What these cost is the second part: seconds to read them in quiet time, the
    longest that anybody else had to wait meanwhile, and the share of their size that the index takes.
    """
    store = ConversationStore(path)
    store.save_turn(*_with_files(*conversation_of(SEARCHED_MESSAGES)))
    without = _pages(store)
    waits = []
    while store.is_reading_due():
        began = time.perf_counter()
        store.read_attachments(0.03)
        waits.append(time.perf_counter() - began)
    files = SEARCHED_MESSAGES // MESSAGES_FOR_EACH_FILE
    costs = {
        "files": files,
        "characters_each": len(_file(0).text),
        "read_seconds": round(sum(waits), 3),
        "longest_wait_seconds": round(max(waits), 4),
        "share_of_size": round((_pages(store) - without) / (files * len(_file(0).text)), 3),
    }
    texts = ("9999 word", "the of and", "wo", "rare777", "rar")
    times = {text: best(partial(store.search, text)) for text in texts}
    store.close()
    return times, costs


def _with_files(conversation: Conversation, messages: list[Message]) -> tuple[Conversation, list[Message]]:
    for place in range(0, len(messages), MESSAGES_FOR_EACH_FILE):
        messages[place] = msgspec.structs.replace(messages[place], attachments=(_file(place),))
    return conversation, messages


def _file(number: int) -> Attachment:
    words = (f"{WORDS.split()[each % 25]}{each * 7919 % 3000}" for each in range(number, number + 3000))
    text = f"{' '.join(words)} rare{number}"
    return Attachment(name=f"{number}.txt", text=text, size_bytes=len(text))


def _pages(store: ConversationStore) -> int:
    return store.database.number("PRAGMA page_count") * store.database.number("PRAGMA page_size")


def main() -> None:
    """Measure in a temporary folder and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.db"
        store = ConversationStore(path)
        store.save_turn(*conversation_of(MESSAGES))
        opened = best(lambda: open_long_conversation(path))
        saves = {
            f"{length:,} characters": round(growing_answer(store, length), 4) for length in (2_000, 40_000, 1_000_000)
        }
        store.close()
        searches, files = search_times(Path(folder) / "many.db")
        result = {
            "messages": MESSAGES,
            "open_seconds": round(opened, 3),
            "budget_seconds": 1.0,
            "share_of_budget": round(opened / 1.0, 3),
            "searched_messages": SEARCHED_MESSAGES,
            "search_seconds": {text: round(seconds, 4) for text, seconds in searches.items()},
            "search_budget_seconds": 0.1,
            "files_in_search": files,
            "save_growing_answer_seconds": saves,
            "database_bytes": path.stat().st_size,
            "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()

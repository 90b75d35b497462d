"""A process that saves conversations as fast as it can and says which numbers were acknowledged; to be killed.

python -m tests.faults.store_writer DATABASE [FIRST_NUMBER [COUNT]]
"""

import sys
from pathlib import Path

from app.conversations.errors import StoreError
from app.conversations.records import Message, MessageState
from app.conversations.store import ConversationStore
from engine.api.message import Role
from tests.app.conversations.samples import a_conversation, a_message

FILLER = "A sentence of an answer that goes on for a while. " * 20


def streamed(number: int, text: str) -> Message:
    return a_message(
        f"m{number}",
        None,
        number + 1,
        role=Role.ASSISTANT,
        content=text,
        state=MessageState.STREAMING,
        token_ids=(1, 2),
    )


def main(path: Path, first: int, count: int) -> None:
    try:
        store = ConversationStore(path)
        store.save_conversation(a_conversation())
        for number in range(first, first + count):
            store.save_message(a_message(f"m{number}", None, store.next_sequence(), content=f"{number} {FILLER}"))
            print(number, flush=True)
            store.save_message(streamed(-1, f"partial {number}"))
        store.close()
    except StoreError as error:
        print(f"{type(error).__name__}: {error.sentence()}", flush=True)


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[2:]]
    main(Path(sys.argv[1]), *(arguments + [0, 100_000][len(arguments) :]))

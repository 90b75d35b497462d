"""`python -m app.attachments FILE`: the limited process that reads one file and writes what came of it to stdout."""

import os
import sys
from pathlib import Path

import msgspec

from app.attachments.extraction import extract
from app.attachments.limits import limit_process
from app.attachments.outcome import Refusal, Trouble


def main(path: str) -> int:
    """Read the file and return the exit status."""
    # A library that prints must not get between the app and what is written for it.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    limit_process()
    outcome = extract(Path(path))
    try:
        body = msgspec.json.encode(outcome)
    except UnicodeEncodeError:  # halves of characters
        body = msgspec.json.encode(Refusal(Trouble.DAMAGED))
    with answers:
        answers.write(body)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

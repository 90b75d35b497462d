"""`python -m tests.benchmarks.warmth`: how long the next answer's first token takes, and what is read for it.

For histories of 200, 2,000 and 6,600 ids on the starter model, as ratios to reading all again (cold) in one run:
continued (warm), an earlier question edited, the answer regenerated, after another conversation (RAM), in a session
that was opened anew on the same folder (disk), and the rates the tiers reach. What was read before has been written.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import torch

from app.paths import locate
from engine.api.cancellation import CancellationToken
from engine.api.message import PromptMessage, Role
from engine.api.plan import PrecisionChoice
from engine.api.warmth import GIB, TierBudgets
from engine.checkpoints import loader
from engine.checkpoints.loader import LoadedModel
from engine.generation.chat_session import ChatSession
from engine.hardware import allocator
from engine.kv.disk import folder as disk_folder
from tests.chat_probe import answered, ask, user

HISTORIES = (200, 2000, 6600)
WAYS = ("warm", "edited", "regenerated", "ram", "disk", "cold")
_BUDGETS = TierBudgets(ram_bytes=4 * GIB, disk_bytes=4 * GIB)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--precision", default="auto", choices=[choice.value for choice in PrecisionChoice])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--histories", type=int, nargs="+", default=HISTORIES)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    allocator.keep_working_memory()  # as the engine's process does
    data = locate().data
    data.mkdir(parents=True, exist_ok=True)
    loaded = loader.load(
        "starter", PrecisionChoice(options.precision), 8192, "cpu", data, CancellationToken(), lambda *_: None
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(loaded, Path(folder), history, options.rounds) for history in options.histories]
        session = ChatSession(loaded, Path(folder), _BUDGETS)
        tiers = [f"{use.tier}: {use.reason}" for use in session.describe_warmth()[1]]
    result = {"machine": loaded.plan.device_name, "threads": torch.get_num_threads(),
              "precision": str(loaded.plan.precision), "rows": rows, "tiers": tiers}  # fmt: skip
    print(json.dumps(result, indent=1) if options.json else readable(result))


def measure(loaded: LoadedModel, folder: Path, history: int, rounds: int) -> dict[str, object]:
    """Return median seconds to the first token, its ratio to cold, and the ids fed, per way."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    fed: dict[str, int] = {}
    tier: dict[str, str] = {}
    session = ChatSession(loaded, folder, _BUDGETS)
    begun: list[PromptMessage] = []
    for number in range(rounds):
        if not begun:
            words = "The lighthouse keeper wrote down the name of every passing ship. " * (history // 13)
            opening = [user(words), PromptMessage(role=Role.ASSISTANT, content="Yes"), user("Go on.")]
            begun = [*opening, answered(session, ask(session, opening, maximum_tokens=4))]
        question = [*begun, user(f"What did the keeper write? {number}")]
        for way in WAYS:
            asked = [*begun[:-2], user(f"Rather stop. {number}")] if way == "edited" else question
            assert session._warm.tiers.disk is not None
            session._warm.tiers.disk.flush(60)
            if way == "ram":
                ask(session, [user("Hello")], conversation="other", maximum_tokens=1)
            elif way == "disk":
                session.close(60)
                session = ChatSession(loaded, folder, _BUDGETS)
            elif way == "cold":
                session.forget("c")
                disk_folder.forget(folder, "c")
            found = ask(session, asked, maximum_tokens=1).statistics
            seconds[way].append(found.time_to_first_token_seconds)
            fed[way], tier[way] = found.prefilled_tokens, str(found.restored_from or "in place")
    session.close(60)
    median = {way: statistics.median(values) for way, values in seconds.items()}
    prompt = found.prompt_tokens
    ways = {
        way: {
            "seconds": median[way],
            "ratio": median["cold"] / median[way],
            "fed": fed[way],
            "from": tier[way] if way != "cold" else "read",
        }
        for way in WAYS
    }
    return {"history": history, "prompt_tokens": prompt, "ways": ways}


def readable(result: dict[str, object]) -> str:
    lines = [f"{result['machine']}, {result['threads']} threads, {result['precision']}"]
    for row in result["rows"]:  # type: ignore[attr-defined]
        lines.append(f"prompt of {row['prompt_tokens']:,} ids")
        for way, found in row["ways"].items():
            lines.append(
                f"  {way:<12} first token {found['seconds']:7.3f} s, {found['ratio']:6.1f} x cold,"
                f" {found['fed']:>5} ids read, {found['from']}"
            )
    return "\n".join([*lines, *result["tiers"]])  # type: ignore[misc]


if __name__ == "__main__":
    main()

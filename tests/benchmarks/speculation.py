"""`python -m tests.benchmarks.speculation`: tokens per second with speculation and without, in turns in one run.

The starter model answers greedily prompts whose answers repeat them, and one whose answer doesn't; the last row draws
at temperature 1 with a seed, so that hardly anything can be guessed: it shows what trying costs.
"""

import argparse
import json
import statistics
import sys

import torch

from app.paths import locate
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Result
from engine.hardware import allocator
from tests.chat_probe import GREEDY, ask, load_session, user

LIVELY = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0, seed=5)
TOKENS = 96
_STORY = (
    "The lighthouse stood on a rock far from the coast, and its keeper wrote down the name of each ship that went by. "
    "In the evening he read the names aloud, one after the other, while the lamp turned above him. On some nights a "
    "ship answered with its horn, and then he put a small cross behind its name, so that he would know it again."
)
_CODE = """def total_price(items, discount):
    total = 0
    for item in items:
        if item.count > 0:
            total += item.price * item.count
    if discount:
        total = total - total * discount
    return total


def longest_name(items):
    longest = ""
    for item in items:
        if len(item.name) > len(longest):
            longest = item.name
    return longest
"""
PROMPTS = {
    "repeat a text": f"Repeat this text word for word:\n\n{_STORY}",
    "edit a text": f"Write this text again, but with a woman as the keeper:\n\n{_STORY}",
    "repeat code": f"Write this code again with a comment above each function:\n\n```python\n{_CODE}```",
    "summarise": f"Summarise this text:\n\n{_STORY}",
    "free": "Write a poem about the first snow of the year, and another one about the last.",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--precision", default="auto", choices=[choice.value for choice in PrecisionChoice])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--draft", default="", help="reference of a draft model")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    allocator.keep_working_memory()  # as the engine's process does
    folder = locate().data
    folder.mkdir(parents=True, exist_ok=True)
    session = load_session("starter", folder, PrecisionChoice(options.precision), 4096, options.draft)
    ask(session, [user(PROMPTS["repeat a text"])], maximum_tokens=TOKENS, speculates=True)  # costs are measured
    rows = [measured(session, name, text, GREEDY, options.rounds) for name, text in PROMPTS.items()]
    rows.append(measured(session, "free, lively", PROMPTS["free"], LIVELY, options.rounds))
    result = {"machine": session.plan.device_name, "threads": torch.get_num_threads(),
              "precision": str(session.plan.precision), "prompts": rows}  # fmt: skip
    print(json.dumps(result, indent=1) if options.json else readable(result))


def measured(session: ChatSession, name: str, text: str, sampling: Sampling, rounds: int) -> dict[str, object]:
    """Return medians of both ways, with what was proposed and accepted."""
    on, off = [], []
    for _ in range(rounds):
        off.append(answer(session, text, sampling, speculates=False))
        on.append(answer(session, text, sampling, speculates=True))
    print(f"measured: {name}", file=sys.stderr, flush=True)
    rate, plain_rate = (statistics.median(each.statistics.tokens_per_second for each in way) for way in (on, off))
    return {
        "prompt": name,
        "tokens": len(on[0].token_ids),
        "tokens_per_second": rate,
        "plain_tokens_per_second": plain_rate,
        "ratio": rate / plain_rate,
        "proposed_tokens": sum(each.statistics.proposed_tokens for each in on) // rounds,
        "accepted_tokens": sum(each.statistics.accepted_tokens for each in on) // rounds,
        "same_ids": all(each.token_ids == off[0].token_ids for each in on),
    }


def answer(session: ChatSession, text: str, sampling: Sampling, speculates: bool) -> Result:
    return ask(session, [user(text)], maximum_tokens=TOKENS, sampling=sampling, speculates=speculates)


def readable(result: dict[str, object]) -> str:
    lines = [
        f"{result['machine']}, {result['threads']} threads, {result['precision']}",
        f"{'answer':<16}{'tokens':>7}{'plain/s':>9}{'ahead/s':>9}{'ratio':>8}{'proposed':>10}{'accepted':>10}  ids",
    ]
    for row in result["prompts"]:  # type: ignore[attr-defined]
        lines.append(
            f"{row['prompt']:<16}{row['tokens']:>7}{row['plain_tokens_per_second']:>9.1f}"
            f"{row['tokens_per_second']:>9.1f}{row['ratio']:>7.2f}x{row['proposed_tokens']:>10}"
            f"{row['accepted_tokens']:>10}  {'the same' if row['same_ids'] else 'differ by rounding'}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

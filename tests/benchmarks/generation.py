"""`python -m tests.benchmarks.generation`: what reuse and the own loop gain on the starter model, as ratios in one run.

Follow-up: first token after a history is read again (cold), continued (warm), and after switching conversations and
back (restored). Decode: own loop against transformers' generate on the same history, same model object.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from app.paths import locate
from engine.api.message import PromptMessage
from engine.api.plan import PrecisionChoice
from engine.generation.chat_session import ChatSession
from tests.chat_probe import answered, ask, load_session, user

HISTORIES = (200, 2000, 6600)
DECODED_IDS = 32


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--precision", default="auto", choices=[choice.value for choice in PrecisionChoice])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    folder = locate().data
    folder.mkdir(parents=True, exist_ok=True)
    session = load_session("starter", folder, PrecisionChoice(options.precision), context=8192)
    rows = [follow_up(session, history, options.rounds) for history in HISTORIES]
    decode = [decode_against_generate(session, history, options.rounds) for history in HISTORIES[:2]]
    result = {"machine": session.plan.device_name, "threads": torch.get_num_threads(),
              "precision": str(session.plan.precision), "follow_up": rows, "decode": decode}  # fmt: skip
    print(json.dumps(result, indent=1) if options.json else readable(result))


def conversation_of(session: ChatSession, tokens: int) -> list[PromptMessage]:
    """Return an answered opening whose prompt has about this many ids."""
    words = "The lighthouse keeper wrote down the name of every passing ship. " * (tokens // 13)
    opening = [user(words)]
    return [*opening, answered(session, ask(session, opening, maximum_tokens=4))]


def follow_up(session: ChatSession, history: int, rounds: int) -> dict[str, float]:
    """Return median seconds to the first token and the ids fed, per way."""
    seconds: dict[str, list[float]] = {"cold": [], "warm": [], "restored": []}
    fed: dict[str, int] = {}
    for number in range(rounds):
        session.forget("c")
        begun = conversation_of(session, history)
        question = [*begun, user(f"What did the keeper write? {number}")]
        for way in ("warm", "restored", "cold"):
            if way == "warm":
                session._runner.kv.rewind(session._runner.kv.length)
            elif way == "restored":
                ask(session, begun[:1], maximum_tokens=4)
                ask(session, [user("Hello")], conversation="other", maximum_tokens=1)
            else:
                session.forget("c")
            result = ask(session, question, maximum_tokens=1)
            seconds[way].append(result.statistics.time_to_first_token_seconds)
            fed[way] = result.statistics.prefilled_tokens
    median = {way: statistics.median(values) for way, values in seconds.items()}
    row: dict[str, float] = {"history": history}
    for way in seconds:
        row |= {f"{way}_seconds": median[way], f"{way}_fed": fed[way], f"{way}_ratio": median["cold"] / median[way]}
    return row


def decode_against_generate(session: ChatSession, history: int, rounds: int) -> dict[str, float]:
    """Return tokens per second of the own loop and of generate (prefill taken off), and their ratio."""
    messages = [user("The lighthouse keeper wrote down the name of every passing ship. " * (history // 13))]
    prompt = session._prompts.build(messages, False, 0.0)
    own: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        own.append(_seconds(lambda: ask(session, messages, maximum_tokens=DECODED_IDS + 1))
                   - _seconds(lambda: ask(session, messages, maximum_tokens=1)))  # fmt: skip
        theirs.append(_seconds(lambda: _generate(session, prompt, DECODED_IDS + 1))
                      - _seconds(lambda: _generate(session, prompt, 1)))  # fmt: skip
    rate, their_rate = (DECODED_IDS / statistics.median(values) for values in (own, theirs))
    return {"history": history, "own_tokens_per_second": rate, "generate_tokens_per_second": their_rate,
            "ratio": rate / their_rate}  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _generate(session: ChatSession, prompt: list[int], new_ids: int) -> None:
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        session.loaded.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
            max_new_tokens=new_ids, min_new_tokens=new_ids,
        )  # fmt: skip


def readable(result: dict[str, object]) -> str:
    lines = [f"{result['machine']}, {result['threads']} threads, {result['precision']}"]
    for row in result["follow_up"]:  # type: ignore[attr-defined]
        lines.append(
            f"history {row['history']:>5}: first token cold {row['cold_seconds']:.2f} s ({row['cold_fed']} ids fed),"
            f" warm {row['warm_seconds']:.3f} s ({row['warm_fed']} ids, {row['warm_ratio']:.0f} x),"
            f" restored {row['restored_seconds']:.3f} s ({row['restored_fed']} ids, {row['restored_ratio']:.0f} x)"
        )
    for row in result["decode"]:  # type: ignore[attr-defined]
        lines.append(
            f"decode after {row['history']:>5}: own {row['own_tokens_per_second']:.1f} tokens/s,"
            f" generate {row['generate_tokens_per_second']:.1f} tokens/s, {row['ratio']:.2f} x"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""`python -m tests.benchmarks.generation`: decoding by the own loop against transformers' generate, in one run.

On the same history with the same model object, the starter model. What reuse gains is in tests.benchmarks.warmth.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from app.paths import locate
from engine.api.plan import PrecisionChoice
from engine.generation.chat_session import ChatSession
from engine.hardware import allocator
from tests.chat_probe import ask, load_session, user

HISTORIES = (200, 2000)
DECODED_IDS = 32


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--precision", default="auto", choices=[choice.value for choice in PrecisionChoice])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    allocator.keep_working_memory()  # as the engine's process does
    folder = locate().data
    folder.mkdir(parents=True, exist_ok=True)
    session = load_session("starter", folder, PrecisionChoice(options.precision), context=8192)
    decode = [decode_against_generate(session, history, options.rounds) for history in HISTORIES]
    result = {"machine": session.plan.device_name, "threads": torch.get_num_threads(),
              "precision": str(session.plan.precision), "decode": decode}  # fmt: skip
    print(json.dumps(result, indent=1) if options.json else readable(result))


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
    for row in result["decode"]:  # type: ignore[attr-defined]
        lines.append(
            f"decode after {row['history']:>5}: own {row['own_tokens_per_second']:.1f} tokens/s,"
            f" generate {row['generate_tokens_per_second']:.1f} tokens/s, {row['ratio']:.2f} x"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

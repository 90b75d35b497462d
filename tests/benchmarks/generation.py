"""`python -m tests.benchmarks.generation`: decoding by the own loop against transformers' generate, in one run.

On the starter model, turn by turn, both behind the very same KV and with the same weights, so that the ids can be held
against each other as well: generate runs on a copy of the model as transformers made it. What reuse gains is in
tests.benchmarks.warmth, what one can find out without this repository in `hearth bench`.
"""

import argparse
import json
import statistics
import time

import torch
from transformers import DynamicCache, PreTrainedModel

from app.paths import locate
from engine.api.cancellation import CancellationToken
from engine.api.plan import PrecisionChoice
from engine.bench.clean_copy import clean_copy
from engine.checkpoints import loader
from engine.decode import attention
from engine.generation.chat_session import ChatSession
from engine.hardware import allocator, threads
from tests.chat_probe import ask, user

HISTORIES = (200, 2000)
DECODED_IDS = 48


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--precision", default="auto", choices=[choice.value for choice in PrecisionChoice])
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    allocator.keep_working_memory()  # these two as the engine's process does
    threads.use_physical_cores()
    folder = locate().data
    folder.mkdir(parents=True, exist_ok=True)
    choice = PrecisionChoice(options.precision)
    loaded = loader.load("starter", choice, 8192, "cpu", folder, CancellationToken(), lambda *_: None)
    theirs = clean_copy(loaded).model
    assert theirs is not None
    session = ChatSession(loaded)
    decode = [decode_against_generate(session, theirs, history, options.rounds) for history in HISTORIES]
    result = {"machine": session.plan.device_name, "threads": torch.get_num_threads(),
              "precision": str(session.plan.precision), "decode": decode}  # fmt: skip
    print(json.dumps(result, indent=1) if options.json else readable(result))


def decode_against_generate(
    session: ChatSession, theirs: PreTrainedModel, history: int, rounds: int
) -> dict[str, float | bool]:
    """Return tokens per second of the own loop and of generate, their ratio, and whether the ids are the same."""
    sentence = "The lighthouse keeper wrote down the name of every passing ship. "
    messages = [user(sentence * (history // 13) + "Tell a long story about her.")]
    prompt = session._prompts.build(messages, False, 0.0)
    ask(session, messages, maximum_tokens=1)
    own: list[float] = []
    generated: list[float] = []
    same = True
    for _ in range(rounds):
        session._runner.kv.rewind(len(prompt) - 1)
        cache = held_by(session)
        answer = ask(session, messages, maximum_tokens=DECODED_IDS, speculates=False)
        own.append(answer.statistics.decode_seconds / (len(answer.token_ids) - 1))
        started = time.perf_counter()
        ids = written(session, theirs, prompt, cache)
        # The first id is not counted in the own loop either.
        generated.append((time.perf_counter() - started) / len(ids))
        same &= list(answer.token_ids) == ids[: len(answer.token_ids)]
    rate, their_rate = (1 / statistics.median(values) for values in (own, generated))
    ratios = sorted(theirs / ours for ours, theirs in zip(own, generated, strict=True))
    return {"history": len(prompt), "own_tokens_per_second": rate, "generate_tokens_per_second": their_rate,
            "ratio": statistics.median(ratios), "least": ratios[0], "most": ratios[-1], "same_ids": same}  # fmt: skip


def held_by(session: ChatSession) -> DynamicCache:
    """Return transformers' own cache with a copy of what the slab holds."""
    kv = session._runner.kv
    cache = DynamicCache(config=session.loaded.model.config)
    for index, layer in kv._paged():
        cache.update(layer.keys[:, :, : kv.length].clone(), layer.values[:, :, : kv.length].clone(), index)
    return cache


def written(session: ChatSession, model: PreTrainedModel, prompt: list[int], cache: DynamicCache) -> list[int]:
    """Return what generate writes behind the prompt, of which the cache lacks the last id only."""
    ids = torch.tensor([prompt])
    with torch.inference_mode(), attention.left_to_transformers():
        output = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), past_key_values=cache, do_sample=False,
            max_new_tokens=DECODED_IDS, eos_token_id=sorted(session._end_ids),
        )  # fmt: skip
    found: list[int] = output[0, len(prompt) :].tolist()
    return found


def readable(result: dict[str, object]) -> str:
    lines = [f"{result['machine']}, {result['threads']} threads, {result['precision']}"]
    for row in result["decode"]:  # type: ignore[attr-defined]
        lines.append(
            f"decode after {row['history']:>5}: own {row['own_tokens_per_second']:.1f} tokens/s,"
            f" generate {row['generate_tokens_per_second']:.1f} tokens/s, {row['ratio']:.2f} x"
            f" ({row['least']:.2f} .. {row['most']:.2f}), ids {'the same' if row['same_ids'] else 'NOT the same'}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

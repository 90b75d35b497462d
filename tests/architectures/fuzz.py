"""Takes tiny models with odd configurations (odd_config.py) through what sweep.py takes the usual ones.

    python -m tests.architectures.fuzz [--seed N] [--seconds N] [--bytes] [--out FILE] [ARCHITECTURE ...]

goes on with seed after seed until the time is over, and prints one line for each check that fails, with seed and odd
values: `--seed N --seconds 0 ARCHITECTURE` does that one again. What transformers itself can't build or run is passed
over, in silence.
"""

import argparse
import collections
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from transformers import AutoConfig
from transformers.utils import logging

from engine.checkpoints.skeleton import auto_class_for
from engine.hardware import machine
from tests.architectures.checks import Check, byte_checks, save, text_checks
from tests.architectures.odd_config import odd_config
from tests.architectures.sweep import in_own_process, prepare

# The families that are published most.
_FAMILIES = """
    llama qwen2 qwen3 qwen3_moe mistral ministral3 mixtral gemma2 gemma3_text gemma3n_text gemma4_text phi3 phi gpt_oss
    cohere2 olmo2 olmo3 granite granitemoe granitemoehybrid deepseek_v3 glm4 glm4_moe smollm3 exaone4 falcon_h1
    qwen3_next qwen3_5_text lfm2 lfm2_moe bamba mamba2 starcoder2 stablelm gpt_neox falcon llama4_text ernie4_5
    ernie4_5_moe hunyuan_v1_dense seed_oss apertus minimax_m2 nemotron nemotron_h jamba zamba2 gpt2 bloom opt
"""
# As many as a conversation here begins with, at least: longer than most windows and than LongRoPE's first one.
_TRIED_IDS = 90


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", help="model types; those that are published most by default")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--bytes", action="store_true", help="hold planned bytes against real ones in three precisions")
    parser.add_argument("--out", type=Path, default=None, help="JSON lines of all checks")
    wanted = parser.parse_args()
    prepare()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    counted: collections.Counter[str] = collections.Counter()
    until = time.monotonic() + wanted.seconds
    with tempfile.TemporaryDirectory() as folder, (wanted.out or Path(os.devnull)).open("a") as out:
        machine.describe(Path(folder))  # measured once, for all
        for seed in itertools.count(wanted.seed):
            for name in wanted.architectures or _FAMILIES.split():
                with tempfile.TemporaryDirectory(dir=folder) as own:
                    checks = partial(_checks, name, seed, Path(own), with_bytes=wanted.bytes)
                    counted[in_own_process(f"{name} --seed {seed}", checks, out)] += 1
                if wanted.seconds and time.monotonic() > until:
                    break
            if time.monotonic() > until:
                break
    print(", ".join(f"{count} {outcome}" for outcome, count in counted.most_common()))


def _checks(name: str, seed: int, folder: Path, *, with_bytes: bool) -> Iterator[tuple[str, Check]]:
    try:
        config, odd = odd_config(name, seed)
        save(config, folder / "model")
        _generates(folder / "model")
    except Exception as error:
        said = repr(error)
        yield "passed over", lambda: said
        return
    yield "odd", lambda: str(odd)
    yield from text_checks(folder)
    if with_bytes:
        yield from byte_checks(folder)


def _generates(path: Path) -> None:
    """Raise whatever transformers raises that can't run the model by itself."""
    config = AutoConfig.from_pretrained(path)
    model = auto_class_for(config).from_pretrained(path, dtype=torch.float32)
    ids = torch.arange(3, 3 + _TRIED_IDS).unsqueeze(0)
    model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=3, do_sample=False)


if __name__ == "__main__":
    main()

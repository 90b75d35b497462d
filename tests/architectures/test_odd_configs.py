"""A few of the odd configurations that fuzz.py draws, in float32: each way through a conversation, as generate."""

from pathlib import Path

import pytest
import torch

from engine.kv import opening, tree, warm_conversations
from tests.architectures.checks import save, text_checks
from tests.architectures.odd_config import odd_config


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (opening, tree, warm_conversations):
        monkeypatch.setattr(module, "PAGE_TOKENS", 16)


@pytest.mark.parametrize(("name", "seed"), [("llama", 117), ("gemma3_text", 108), ("gpt_oss", 115), ("falcon_h1", 10)])
def test_an_odd_configuration_answers_as_generate(name: str, seed: int, tmp_path: Path) -> None:
    config, odd = odd_config(name, seed)
    assert odd
    save(config, tmp_path / "model")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _, check in text_checks(tmp_path):
            check()
    finally:
        torch.set_num_threads(threads)

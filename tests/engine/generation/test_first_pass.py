"""A model that can be loaded, but whose own code fails: what is told, what is given back, what stays in the log."""

import gc
import logging
import weakref
from pathlib import Path

import msgspec
import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaForCausalLM, LlamaMLP

from engine.api.cancellation import CancellationToken
from engine.api.commands import LoadCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CheckpointLoaded
from engine.api.plan import Precision, PrecisionChoice
from engine.chat_engine import ChatEngine
from engine.generation.first_pass import FirstPassFailed, unusable
from tests import tiny_checkpoints
from tests.chat_probe import ask, load_session, user
from tests.engine_scripts import PLAN


def test_it_is_told_in_a_sentence_and_the_next_load_works(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    met: list[weakref.ref[torch.Tensor]] = []

    def fails(module: torch.nn.Module, states: torch.Tensor) -> torch.Tensor:
        met.extend(map(weakref.ref, (states, *module.parameters())))
        raise AttributeError("'Parameter' object has no attribute 'CB'")

    engine = ChatEngine(tiny_folder)
    wanted = LoadCheckpoint(
        command_id="l",
        checkpoint=str(tiny_checkpoints.make("llama", tiny_folder)),
        precision=PrecisionChoice.BF16,
        context_tokens=256,
        device="cpu",
    )
    monkeypatch.setattr(LlamaMLP, "forward", fails)
    with caplog.at_level(logging.ERROR), pytest.raises(EngineError) as caught:
        engine.handle(wanted, CancellationToken(), lambda event: None)
    monkeypatch.undo()
    report = caught.value.report
    assert report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED
    assert "could be loaded, but" in report.message
    assert [remedy.precision for remedy in report.remedies] == [PrecisionChoice.FP32]
    for said in (report.details, caplog.text):
        assert "in fails" in said
        assert "no attribute 'CB'" in said
    gc.collect()
    assert met
    assert not any(tensor() is not None for tensor in met), "the failure holds weights or states"
    assert isinstance(engine.handle(wanted, CancellationToken(), lambda event: None), CheckpointLoaded)
    engine.close()


@pytest.mark.parametrize(
    ("precision", "is_published_packed", "choices"),
    [
        (Precision.INT8, False, [PrecisionChoice.BF16, PrecisionChoice.FP32]),
        (Precision.FP16, False, [PrecisionChoice.FP32]),
        (Precision.FP32, False, []),
        (Precision.INT4, True, []),
    ],
)
def test_only_precisions_that_may_work_are_offered(
    precision: Precision, is_published_packed: bool, choices: list[PrecisionChoice]
) -> None:
    plan = msgspec.structs.replace(PLAN, precision=precision)
    report = unusable(FirstPassFailed("why"), plan, is_published_packed).report
    assert [remedy.precision for remedy in report.remedies] == choices
    assert ("another precision" in report.hint) == bool(choices)


def test_a_model_that_does_not_say_where_its_words_are_is_no_fault_of_hearth(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PP-FormulaNet: how many ids it has a row for is then what its configuration says."""

    def nobody_has_said(model: object) -> object:
        raise NotImplementedError

    monkeypatch.setattr(LlamaForCausalLM, "get_input_embeddings", nobody_has_said)
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    assert ask(session, [user("Hi")]).token_ids

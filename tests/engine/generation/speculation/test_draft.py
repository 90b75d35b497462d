"""A draft model: the same ids as without, near-full acceptance by its own like, planned beside the model, and freed."""

import gc
import shutil
import weakref
from pathlib import Path

import msgspec
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.chat_engine import ChatEngine
from engine.checkpoints import loader
from engine.checkpoints.loader import LoadedModel
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Result
from engine.generation.speculation.rounds import DRAFT_MODEL
from tests import chat_probe, tiny_checkpoints
from tests.chat_probe import GREEDY, answered, command, user
from tests.speculation_probe import rounds_of

LIVELY = Sampling(temperature=0.8, top_k=0, top_p=0.95, min_p=0.02, repetition_penalty=1.2, seed=11)
QUESTION = user("Tell me about the harbour " + "and its ships " * 30)


def load(model: Path, draft: Path, folder: Path, context: int = 512) -> LoadedModel:
    return loader.load(
        str(model), PrecisionChoice.FP32, context, "cpu", folder, CancellationToken(), lambda *_: None, draft=str(draft)
    )


def make(name: str, folder: Path, seed: int = 0) -> Path:
    return tiny_checkpoints.make(name, folder, seed)


@pytest.fixture(scope="module")
def twins(tiny_folder: Path) -> ChatSession:
    """A model whose draft model is itself."""
    return ChatSession(load(make("llama", tiny_folder), make("llama", tiny_folder), tiny_folder))


@pytest.fixture
def session(twins: ChatSession) -> ChatSession:
    twins.clear_warm_state()
    return twins


def ask(session: ChatSession, messages: list, speculates: bool = True, **options: object) -> Result:
    with rounds_of(session, 8):
        return chat_probe.ask(session, messages, speculates=speculates, **options)


@pytest.mark.parametrize("sampling", [GREEDY, LIVELY])
def test_its_own_like_is_nearly_always_right(session: ChatSession, sampling: Sampling) -> None:
    known = ask(session, [QUESTION], speculates=False, sampling=sampling, maximum_tokens=50)
    session.clear_warm_state()
    found = ask(session, [QUESTION], sampling=sampling, maximum_tokens=50)
    assert found.token_ids == known.token_ids
    numbers = found.statistics
    assert numbers.speculation == DRAFT_MODEL
    assert numbers.accepted_tokens >= 0.8 * numbers.generated_tokens


@pytest.mark.parametrize("sampling", [GREEDY, LIVELY])
def test_another_model_changes_nothing_but_the_number_of_passes(tiny_folder: Path, sampling: Sampling) -> None:
    session = ChatSession(load(make("gemma3", tiny_folder), make("llama", tiny_folder), tiny_folder))
    messages = [QUESTION]
    for _ in range(2):
        known = ask(session, messages, speculates=False, sampling=sampling, maximum_tokens=24)
        session.clear_warm_state()
        found = ask(session, messages, sampling=sampling, maximum_tokens=24)
        assert found.token_ids == known.token_ids
        assert found.statistics.proposed_tokens > 0
        messages = [*messages, answered(session, found), user("And then?")]


def padded(model: Path, folder: Path) -> Path:
    """Return a model of the same tokenizer whose output has rows beyond that, which it always prefers."""
    shutil.copytree(model, folder)
    made = AutoModelForCausalLM.from_pretrained(model)
    rows = made.config.vocab_size
    made.resize_token_embeddings(rows + 2, mean_resizing=False)
    made.lm_head.weight.data[rows] = 100.0
    made.lm_head.weight.data[rows + 1] = -100.0
    made.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("padded_one", ["model", "draft"])
def test_ids_that_only_one_of_both_has_rows_for(tiny_folder: Path, tmp_path: Path, padded_one: str) -> None:
    """As sizes of one family have them, which pad their tables to different numbers of rows."""
    plain = make("llama", tiny_folder)
    larger = padded(plain, tmp_path / "padded")
    model, draft = (larger, plain) if padded_one == "model" else (plain, larger)
    session = ChatSession(load(model, draft, tmp_path))
    known = ask(session, [QUESTION], speculates=False, maximum_tokens=10)
    session.clear_warm_state()
    found = ask(session, [QUESTION], maximum_tokens=10)
    assert found.token_ids == known.token_ids
    assert found.statistics.generated_tokens == 10


def test_a_follow_up_is_read_by_the_draft_as_far_as_it_is_new(session: ChatSession) -> None:
    first = ask(session, [QUESTION], maximum_tokens=20)
    draft = session._speculation.draft
    assert draft is not None
    before = draft._runner.fed_tokens
    second = ask(session, [QUESTION, answered(session, first), user("And?")], maximum_tokens=9)
    new = second.statistics.prompt_tokens - first.statistics.prompt_tokens - len(first.token_ids)
    assert draft._runner.fed_tokens - before < new + 40
    draft.begin()
    ids = session._speculation.index.ids
    assert draft.missing(ids) <= 8
    session.clear_warm_state()
    assert draft._runner.kv.length == 0


def test_the_end_of_the_context_window(tiny_folder: Path) -> None:
    path = make("llama", tiny_folder)
    session = ChatSession(load(path, path, tiny_folder, context=240))
    known = ask(session, [QUESTION], speculates=False, maximum_tokens=100)
    session.clear_warm_state()
    found = ask(session, [QUESTION], maximum_tokens=100)
    assert (found.token_ids, found.reason) == (known.token_ids, known.reason)


def test_a_stop_while_the_draft_reads_ends_the_answer(session: ChatSession) -> None:
    token = CancellationToken()
    draft = session._speculation.draft
    assert draft is not None

    def stop(module: torch.nn.Module, arguments: object) -> None:
        token.cancel()

    draft_model = session.loaded.draft
    assert draft_model is not None
    hook = draft_model.model.register_forward_pre_hook(stop)
    with rounds_of(session, 8):
        result = session.answer(command([QUESTION], speculates=True), token, chat_probe.Listener().report())
    hook.remove()
    assert result.reason.value == "stopped"
    assert len(result.token_ids) == 1
    with pytest.raises(Cancelled):
        draft.read([*range(3, 60)], token)


def test_without_memory_for_the_draft_the_answer_goes_on(tiny_folder: Path) -> None:
    path = make("llama", tiny_folder)
    session = ChatSession(load(path, path, tiny_folder))
    known = ask(session, [QUESTION], speculates=False, maximum_tokens=20)
    session.clear_warm_state()
    assert session.loaded.draft is not None
    passes = 0

    def fail(module: torch.nn.Module, arguments: object) -> None:
        nonlocal passes
        passes += 1
        if passes > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    session.loaded.draft.model.register_forward_pre_hook(fail)
    weight = weakref.ref(next(session.loaded.draft.model.parameters()))
    found = ask(session, [QUESTION], maximum_tokens=20)
    assert found.token_ids == known.token_ids
    assert session._speculation.draft is None
    assert session.loaded.draft is None
    gc.collect()
    assert weight() is None


@pytest.mark.parametrize(
    ("model", "draft", "because"),
    [
        ("llama", "qwen3_next", "can't take back what it has proposed"),
        ("qwen3_next", "llama", "proposes to a model that can't take it back"),
    ],
)
def test_what_cannot_be_rewound_proposes_nothing_and_is_freed(
    model: str, draft: str, because: str, tiny_folder: Path
) -> None:
    loaded = load(make(model, tiny_folder), make(draft, tiny_folder), tiny_folder)
    assert loaded.plan.draft_bytes > 0
    session = ChatSession(loaded)
    assert session._speculation.draft is None
    assert session.loaded.draft is None
    assert (session.plan.draft, session.plan.draft_bytes) == ("", 0)
    assert session.plan.draft_reason.endswith(f"{because}, so it isn't used.")


def test_another_tokenizer_is_refused_before_the_model_of_before_is_given_up(tiny_folder: Path, tmp_path: Path) -> None:
    model, other = make("llama", tiny_folder), tmp_path / "other"
    AutoModelForCausalLM.from_pretrained(model).save_pretrained(other)
    tokenizer = tiny_checkpoints.tokenizer()
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    tokenizer.add_tokens(["lighthouse"])
    tokenizer.save_pretrained(other)
    given_up = []
    with pytest.raises(EngineError) as caught:
        loader.load(
            str(model), PrecisionChoice.FP32, 512, "cpu", tmp_path, CancellationToken(), lambda *_: None,
            make_room=lambda: given_up.append(1), draft=str(other),
        )  # fmt: skip
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED
    assert "different vocabularies" in caught.value.report.message
    assert not given_up


def test_a_draft_that_is_not_there_is_told(tiny_folder: Path) -> None:
    with pytest.raises(EngineError) as caught:
        load(make("llama", tiny_folder), tiny_folder / "nothing", tiny_folder)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_NOT_FOUND


def test_the_plan_tells_and_unloading_frees_both(tiny_folder: Path, tmp_path: Path) -> None:
    from engine.api.commands import LoadCheckpoint, UnloadCheckpoint
    from engine.api.events import CheckpointLoaded

    engine = ChatEngine(tmp_path)
    path = str(make("llama", tiny_folder))
    wanted = LoadCheckpoint(command_id="1", checkpoint=path, draft=path, context_tokens=512, device="cpu")
    told = engine.handle(wanted, CancellationToken(), lambda event: None)
    assert isinstance(told, CheckpointLoaded)
    assert told.plan.draft == "llama-0"
    assert told.plan.draft_bytes > told.plan.weight_bytes
    assert told.plan.draft_reason.startswith("llama-0 proposes words that llama-0 checks; 0.0")
    assert engine._session is not None
    assert engine._session.loaded.draft is not None
    models = (engine._session.loaded.model, engine._session.loaded.draft.model)
    weights = [weakref.ref(next(model.parameters())) for model in models]
    del models
    engine.handle(UnloadCheckpoint(command_id="2"), CancellationToken(), lambda event: None)
    gc.collect()
    assert [weight() for weight in weights] == [None, None]
    plain = engine.handle(msgspec.structs.replace(wanted, draft=""), CancellationToken(), lambda event: None)
    assert isinstance(plain, CheckpointLoaded)
    assert (plain.plan.draft, plain.plan.draft_bytes, plain.plan.draft_reason) == ("", 0, "")
    engine.close()

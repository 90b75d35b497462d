"""Another model while conversations are open: they go on from their text, and nothing of the model before is used."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate, LoadCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CheckpointLoaded, CommandFailed, GenerationFinished
from engine.api.message import PromptMessage, Role
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.api.warmth import Tier
from engine.bench import byte_tokenizer
from engine.chat_engine import ChatEngine
from engine.generation.model_runner import ModelRunner
from tests import tiny_checkpoints
from tests.chat_probe import cold_ids, load_session, user
from tests.link_probe import PATIENCE_SECONDS, LinkProbe

ROOT = Path(__file__).resolve().parents[2]
QUESTION = user("The capital of France is Paris, and the river that runs through it is the Seine. " * 4)


@pytest.fixture(scope="module")
def first(tiny_folder: Path) -> Path:
    return tiny_checkpoints.make("llama", tiny_folder)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another architecture with another tokenizer: the same ids mean other text."""
    path = tiny_checkpoints.make("gemma3", tmp_path_factory.mktemp("second"))
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True, normalized=False) for token in byte_tokenizer.SPECIAL_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["zzz yyy xxx www " * 20], trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        chat_template=byte_tokenizer.CHAT_TEMPLATE,
    ).save_pretrained(path)
    return path


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LinkProbe]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(ROOT)
    made = LinkProbe([sys.executable, "-m", "engine", "--data", str(tmp_path), "--offline"], tmp_path / "engine.log")
    yield made
    made.stop()


def load(path: Path | str, command_id: str) -> LoadCheckpoint:
    return LoadCheckpoint(
        command_id=command_id,
        checkpoint=str(path),
        precision=PrecisionChoice.FP32,
        context_tokens=1024,
        device="cpu",
    )


def ask(command_id: str, *messages: PromptMessage, tokens: int = 12) -> Generate:
    return Generate(
        command_id=command_id,
        conversation_id="c",
        message_id=f"m-{command_id}",
        messages=messages,
        sampling=Sampling(
            temperature=0.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0, maximum_tokens=tokens
        ),
    )


def done(probe: LinkProbe, command: Generate | LoadCheckpoint) -> object:
    probe.submit(command)
    return probe.terminal(command.command_id, 3 * PATIENCE_SECONDS)


def answer_of(event: object) -> PromptMessage:
    assert isinstance(event, GenerationFinished), event
    return PromptMessage(
        role=Role.ASSISTANT, content=event.text, token_ids=event.token_ids, tokenizer_id=event.tokenizer_id
    )


def test_a_conversation_goes_on_with_another_model_from_its_text_and_back(
    probe: LinkProbe, first: Path, second: Path, tmp_path: Path
) -> None:
    assert isinstance(done(probe, load(first, "load-1")), CheckpointLoaded)
    begun = answer_of(done(probe, ask("g1", QUESTION)))
    follow_up = (QUESTION, begun, user("And the river?"))
    # The switch is asked for while an answer is being written: that one ends first, by the model that began it.
    probe.submit(ask("running", QUESTION, begun, user("And more?"), tokens=60))
    probe.wait_for_text("running")
    switched = done(probe, load(second, "load-2"))
    assert isinstance(switched, CheckpointLoaded)
    running = probe.terminal("running")
    assert isinstance(running, GenerationFinished)
    assert running.tokenizer_id == begun.tokenizer_id != switched.plan.tokenizer_id

    event = done(probe, ask("g2", *follow_up))
    assert isinstance(event, GenerationFinished)
    assert event.statistics.reused_tokens == 0
    cold = load_session(str(second), tmp_path)
    assert event.token_ids == cold_ids(cold, list(follow_up), 12)

    by_both = (*follow_up, answer_of(event), user("Back again."))
    back = done(probe, load(first, "load-3"))
    assert isinstance(back, CheckpointLoaded)
    event = done(probe, ask("g3", *by_both))
    assert isinstance(event, GenerationFinished)
    assert event.statistics.restored_from is Tier.DISK, "what it had read itself is still on disk"
    cold = load_session(str(first), tmp_path)
    assert event.token_ids == cold_ids(cold, list(by_both), 12)
    assert len(probe.process_ids()) == 1


def test_the_model_still_answers_after_another_one_was_refused(probe: LinkProbe, first: Path, tmp_path: Path) -> None:
    assert isinstance(done(probe, load(first, "load-1")), CheckpointLoaded)
    begun = answer_of(done(probe, ask("g1", QUESTION)))
    refused = done(probe, load(tmp_path / "nothing", "load-2"))
    assert isinstance(refused, CommandFailed)
    event = done(probe, ask("g2", QUESTION, begun, user("And?")))
    assert isinstance(event, GenerationFinished)
    assert event.statistics.reused_tokens >= event.statistics.prompt_tokens - 40, "and its KV is still there"


class Desk:
    """A chat engine in this process."""

    def __init__(self, folder: Path) -> None:
        self.engine = ChatEngine(folder)

    def run(self, command: Generate | LoadCheckpoint) -> object:
        return self.engine.handle(command, CancellationToken(), lambda event: None)

    def failure(self, command: Generate | LoadCheckpoint) -> ErrorKind:
        with pytest.raises(EngineError) as caught:
            self.run(command)
        return caught.value.report.kind


def test_after_a_switch_that_failed_half_way_the_state_is_told_and_a_load_works(
    first: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    desk.run(load(first, "l1"))

    def no_memory(self: ModelRunner) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(ModelRunner, "choose_mode", no_memory)
        assert desk.failure(load(second, "l2")) is ErrorKind.OUT_OF_MEMORY
    assert desk.failure(ask("g", QUESTION)) is ErrorKind.NO_MODEL_LOADED
    desk.run(load(first, "l3"))
    assert isinstance(desk.run(ask("g2", QUESTION)), GenerationFinished)


def test_a_session_that_could_not_be_made_gives_the_models_memory_back(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ModelRunner] = []

    def no_memory(self: ModelRunner) -> None:
        made.append(self)
        raise MemoryError

    monkeypatch.setattr(ModelRunner, "choose_mode", no_memory)
    assert Desk(tmp_path).failure(load(first, "l")) is ErrorKind.OUT_OF_MEMORY
    assert len(made) == 2
    assert [value for value in made[0]._model.parameters() if value.device.type != "meta"] == []


def test_nothing_touches_a_device_that_was_lost(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    desk.run(load(first, "l1"))
    touched: list[object] = []

    def lost(self: ModelRunner, *arguments: object) -> None:
        touched.append(self)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(ModelRunner, "feed", lost)
    assert desk.failure(ask("g1", QUESTION)) is ErrorKind.DEVICE_LOST
    assert desk.failure(ask("g2", QUESTION)) is ErrorKind.DEVICE_LOST
    assert desk.failure(load(first, "l2")) is ErrorKind.DEVICE_LOST
    assert len(touched) == 1

"""A model whose files are changed under it, as a copy or a download in place does: nothing is answered out of them."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import DescribeWarmth, Generate, LoadCheckpoint, PrepareConversation, SuggestTitle
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CheckpointLoaded, Event, GenerationFinished, TextGenerated, WarmthDescribed
from engine.api.message import PromptMessage
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.chat_engine import ChatEngine
from engine.checkpoints.mapped_files import MappedFiles
from tests import tiny_checkpoints
from tests.chat_probe import user

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is mapped is known on Linux only")

GREEDY = Sampling(temperature=0.0, maximum_tokens=4)
TOKEN = CancellationToken()
QUESTION: tuple[PromptMessage, ...] = (user("Tell me a story about a small lighthouse. " * 12),)
GENERATE = Generate(command_id="g", conversation_id="c", message_id="m", messages=QUESTION, sampling=GREEDY)
PREPARE = PrepareConversation(command_id="p", conversation_id="d", messages=QUESTION)
TITLE = SuggestTitle(command_id="t", conversation_id="d", messages=QUESTION)


def drop(_event: Event) -> None:
    """Nobody listens."""


class Engine:
    """A tiny model, mapped from its file, in an engine of this process."""

    def __init__(self, folder: Path) -> None:
        self.model = tiny_checkpoints.make("llama", folder)
        self.weights = self.model / "model.safetensors"
        self.engine = ChatEngine(folder)
        self.load()

    def load(self) -> None:
        command = LoadCheckpoint(
            command_id="l",
            checkpoint=str(self.model),
            precision=PrecisionChoice.FP32,
            context_tokens=1024,
            device="cpu",
        )
        assert isinstance(self.engine.handle(command, CancellationToken(), drop), CheckpointLoaded)

    def ask(self, emit: Callable[[Event], None] = drop) -> tuple[int, ...]:
        ended = self.engine.handle(GENERATE, CancellationToken(), emit)
        assert isinstance(ended, GenerationFinished)
        return ended.token_ids

    def overwrite(self) -> None:
        """Write other numbers over those at the end of the weights."""
        with self.weights.open("r+b") as file:
            file.seek(-64, os.SEEK_END)
            file.write(bytes(64))

    def expect_refusal(self, command: Generate | PrepareConversation | SuggestTitle = GENERATE) -> None:
        with pytest.raises(EngineError, match="changed while the model was in use") as caught:
            self.engine.handle(command, CancellationToken(), drop)
        assert caught.value.report.kind is ErrorKind.MODEL_CHANGED

    def known(self) -> list[str]:
        """Return the conversations that something is known of."""
        described = self.engine.handle(DescribeWarmth(command_id="w"), CancellationToken(), drop)
        assert isinstance(described, WarmthDescribed)
        return [each.conversation_id for each in described.conversations]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def test_a_file_that_is_overwritten_answers_nothing_until_it_is_loaded_again(engine: Engine) -> None:
    engine.ask()
    engine.overwrite()
    engine.expect_refusal()
    engine.expect_refusal(PREPARE)
    engine.expect_refusal(TITLE)
    assert engine.known() == ["c"], "what was read before is right"
    engine.load()
    engine.ask()


def test_what_was_read_while_a_file_was_overwritten_is_forgotten(engine: Engine) -> None:
    def overwrite(event: Event) -> None:
        if isinstance(event, TextGenerated):
            engine.overwrite()

    with pytest.raises(EngineError):
        engine.ask(overwrite)
    assert engine.known() == []


def test_a_file_that_is_replaced_by_another_stays_as_it_was(engine: Engine) -> None:
    before = engine.ask()
    other = engine.weights.with_name("other")
    shutil.copyfile(engine.weights, other)
    with other.open("r+b") as file:
        file.truncate(1000)
    other.replace(engine.weights)
    assert engine.ask() == before
    engine.weights.unlink()
    assert engine.ask() == before


def test_a_file_that_is_cut_is_seen_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(bytes(100))
    found = path.stat()
    files = MappedFiles({path: (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)})
    assert files.changed() is None
    os.truncate(path, 50)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert files.changed() == path

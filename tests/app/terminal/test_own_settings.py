"""What a model and a conversation have of their own counts in the terminal too; the command line's options win."""

from pathlib import Path

import pytest

from app.conversations.store import ConversationStore
from app.paths import locate
from app.settings.file import save
from app.settings.model_settings import ModelSettings
from app.settings.schema import Settings
from engine.api.commands import Command, Generate, LoadCheckpoint
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from tests.app.terminal.conftest import Run


@pytest.fixture
def settings_file() -> Path:
    paths = locate()
    paths.make_folders()
    own = ModelSettings(
        temperature=0.2, top_k=9, precision=PrecisionChoice.INT8, context_tokens=512, system_prompt="You are A."
    )
    save(paths.settings_file, Settings(temperature=0.7, min_p=0.1, models={"org/a": own}))
    return paths.settings_file


def last_generate(commands: list[Command]) -> Generate:
    return [command for command in commands if isinstance(command, Generate)][-1]


def test_a_models_own_settings_hold_for_it_only(hearth: Run, commands: list[Command], settings_file: Path) -> None:
    assert hearth("ask", "Hello", "--model", "org/a").status == 0
    load = commands[0]
    assert isinstance(load, LoadCheckpoint)
    assert (load.precision, load.context_tokens) == (PrecisionChoice.INT8, 512)
    assert last_generate(commands).sampling == Sampling(temperature=0.2, top_k=9, min_p=0.1)
    assert last_generate(commands).messages[0].content == "You are A."
    assert hearth("ask", "Hello", "--model", "org/b").status == 0
    assert last_generate(commands).sampling == Sampling(temperature=0.7, min_p=0.1)


def test_the_conversation_stands_over_the_model_and_the_command_line_over_both(
    hearth: Run, commands: list[Command], settings_file: Path
) -> None:
    assert hearth("ask", "Hello", "--model", "org/a", "--conversation", "Rome").status == 0
    store = ConversationStore(locate().database)
    (conversation,) = store.list_conversations()
    store.set_sampling(conversation.id, Sampling(temperature=1.5, seed=3))
    store.set_system_prompt(conversation.id, "You are a Roman.")
    store.close()
    arguments = ("ask", "And?", "--model", "org/a", "--conversation", "Rome")
    assert hearth(*arguments).status == 0
    assert last_generate(commands).sampling == Sampling(temperature=1.5, top_k=9, min_p=0.1, seed=3)
    assert last_generate(commands).messages[0].content == "You are a Roman."
    assert hearth(*arguments, "--seed", "4", "--temperature", "0", "--system", "Plain.").status == 0
    assert last_generate(commands).sampling == Sampling(temperature=0.0, top_k=9, min_p=0.1, seed=4)
    assert last_generate(commands).messages[0].content == "Plain."

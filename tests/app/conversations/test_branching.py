import pytest

from app.conversations.branching import branch_title, copy_of_branch
from app.conversations.prompting import prompt_of
from app.conversations.records import MessageState
from engine.api.commands import WhenFull
from engine.api.message import Role
from tests.app.conversations.samples import a_conversation, a_message

CONVERSATION = a_conversation(
    title="Tides", created_at=5.0, system_prompt="Be brief.", name="n", draft="typed", when_full=WhenFull.ROLL
)
BRANCH = [
    a_message("one"),
    a_message("first", "one", 2, role=Role.ASSISTANT, token_ids=(1, 2), tokenizer_id="t", model="M", precision="bf16"),
    a_message("two", "first", 3),
    a_message("second", "two", 4, role=Role.ASSISTANT, token_ids=(3,), tokenizer_id="t", context_start_id="two"),
]


def test_a_copy_prompts_as_the_original_does() -> None:
    copied, messages = copy_of_branch(CONVERSATION, BRANCH, 99.0)
    for leaves_out in (True, False):
        original = prompt_of(CONVERSATION, BRANCH, leaves_out=leaves_out)
        assert prompt_of(copied, messages, leaves_out=leaves_out).messages == original.messages
    assert (copied.created_at, copied.updated_at) == (5.0, 99.0)


def test_a_copy_is_a_conversation_of_its_own() -> None:
    copied, messages = copy_of_branch(CONVERSATION, BRANCH, 99.0)
    ids = [message.id for message in messages]
    assert len({copied.id, CONVERSATION.id, *ids, *(message.id for message in BRANCH)}) == 10
    assert [message.parent_id for message in messages] == [None, *ids[:-1]]
    assert {message.conversation_id for message in messages} == {copied.id}
    assert messages[3].context_start_id == ids[2]
    assert (copied.title, copied.name, copied.draft, copied.active_leaf_id) == ("Tides (branch)", None, "", ids[-1])
    assert copied.when_full is WhenFull.ROLL
    assert (messages[1].model, messages[1].precision, messages[1].created_at) == ("M", "bf16", 1.0)


def test_what_still_grows_is_an_interrupted_answer_in_the_copy() -> None:
    growing = a_message("a", role=Role.ASSISTANT, state=MessageState.STREAMING)
    assert copy_of_branch(CONVERSATION, [growing], 9.0)[1][0].state is MessageState.INTERRUPTED


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Tides", "Tides (branch)"),
        ("Tides (branch)", "Tides (branch 2)"),
        ("Tides (branch 9)", "Tides (branch 10)"),
        ("The (branch) of a tree", "The (branch) of a tree (branch)"),
    ],
)
def test_titles_of_branches(title: str, expected: str) -> None:
    assert branch_title(title) == expected

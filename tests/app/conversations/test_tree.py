import gc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.conversations.records import Message
from app.conversations.tree import ConversationTree
from tests.app.conversations.samples import a_message

IDS = [f"m{number}" for number in range(12)]


def grown_tree() -> ConversationTree:
    """question -> (first answer -> follow-up -> reply, second answer); and an edited question."""
    return ConversationTree(
        [
            a_message("question", None, 1),
            a_message("first", "question", 2),
            a_message("second", "question", 3),
            a_message("follow-up", "first", 4),
            a_message("reply", "follow-up", 5),
            a_message("edited", None, 6),
        ]
    )


def ids(messages: list[Message]) -> list[str]:
    return [message.id for message in messages]


def test_branch_goes_from_root_to_leaf() -> None:
    tree = grown_tree()
    assert ids(tree.branch("reply")) == ["question", "first", "follow-up", "reply"]
    assert ids(tree.branch("second")) == ["question", "second"]
    assert tree.branch(None) == []
    assert tree.branch("unknown") == []


def test_versions_are_counted_from_one_in_order_of_sequence() -> None:
    tree = grown_tree()
    assert ids(tree.siblings("second")) == ["first", "second"]
    assert tree.version("second") == (2, 2)
    assert tree.version("edited") == (2, 2)
    assert tree.version("reply") == (1, 1)
    assert tree.version("unknown") == (0, 0)
    assert tree.siblings("unknown") == []


@pytest.mark.parametrize(
    ("below", "leaf"),
    [("question", "reply"), ("second", "second"), ("edited", "edited"), (None, "edited"), ("x", None)],
)
def test_newest_leaf_is_where_was_worked_last(below: str | None, leaf: str | None) -> None:
    assert grown_tree().newest_leaf(below) == leaf


def test_order_is_by_sequence_and_never_by_time() -> None:
    tree = ConversationTree([a_message("late", None, 1, created_at=9e9), a_message("early", None, 2, created_at=1.0)])
    assert ids(tree.children(None)) == ["late", "early"]
    assert tree.newest_leaf() == "early"


def test_a_growing_answer_leaves_the_old_tree_as_it_was() -> None:
    tree = grown_tree()
    grown = tree.with_message(msgspec.structs.replace(tree.get("reply"), content="longer"))
    assert grown.get("reply").content == "longer"
    assert tree.get("reply").content == "reply"
    assert ids(grown.branch("reply")) == ids(tree.branch("reply"))


def test_a_message_that_moves_is_found_at_its_new_place_only() -> None:
    tree = grown_tree().with_message(a_message("reply", "second", 5))
    assert ids(tree.branch("reply")) == ["question", "second", "reply"]
    assert tree.children("follow-up") == []


def test_without_takes_everything_below_away() -> None:
    tree = grown_tree().without("first")
    assert ids(tree.messages()) == ["question", "second", "edited"]
    assert tree.newest_leaf("question") == "second"
    assert tree.without("unknown") is tree


def test_empty_tree_answers_everything() -> None:
    tree = ConversationTree()
    assert (len(tree), tree.newest_leaf(), tree.children(None), tree.get(None)) == (0, None, [], None)


def test_a_ring_of_parents_is_opened_at_its_oldest_message() -> None:
    tree = ConversationTree([a_message("a", "c", 2), a_message("b", "a", 1), a_message("c", "b", 3)])
    assert ids(tree.children(None)) == ["b"]
    assert ids(tree.branch("a")) == ["b", "c", "a"]


def test_a_message_that_is_its_own_parent_and_one_without_its_parent_are_roots() -> None:
    tree = ConversationTree([a_message("self", "self", 1), a_message("orphan", "lost", 2)])
    assert ids(tree.children(None)) == ["self", "orphan"]


def test_a_chat_of_many_turns_needs_no_recursion() -> None:
    tree = ConversationTree(a_message(f"m{n}", f"m{n - 1}" if n else None, n) for n in range(20_000))
    assert len(tree.branch("m19999")) == 20_000
    assert tree.newest_leaf() == "m19999"
    assert len(tree.without("m1")) == 1


@st.composite
def any_messages(draw: st.DrawFn) -> list[Message]:
    """Any graph at all: orphans, rings, equal sequences, duplicates."""
    parents = st.one_of(st.none(), st.sampled_from([*IDS, "lost"]))
    return draw(
        st.lists(st.builds(a_message, st.sampled_from(IDS), parents, st.integers(0, 6)), max_size=20)
    )  # fmt: skip


@given(any_messages())
@settings(deadline=None)
def test_every_message_is_below_exactly_one_root(messages: list[Message]) -> None:
    tree = ConversationTree(messages)
    walked = []
    waiting = tree.children(None)
    while waiting:
        message = waiting.pop()
        walked.append(message.id)
        waiting.extend(tree.children(message.id))
    assert sorted(walked) == sorted({message.id for message in messages})


@given(any_messages())
@settings(deadline=None)
def test_branches_and_versions_agree_in_any_graph(messages: list[Message]) -> None:
    tree = ConversationTree(messages)
    for message in tree.messages():
        branch = ids(tree.branch(message.id))
        assert branch[-1] == message.id
        assert len(set(branch)) == len(branch)
        index, count = tree.version(message.id)
        assert ids(tree.siblings(message.id))[index - 1] == message.id
        assert count == len(tree.siblings(message.id))
        assert message.id in ids(tree.branch(tree.newest_leaf(message.id)))


@given(any_messages(), any_messages())
@settings(deadline=None)
def test_adding_one_by_one_gives_the_same_tree(first: list[Message], second: list[Message]) -> None:
    tree = ConversationTree(first)
    for message in second:
        tree = tree.with_message(message)
    at_once = ConversationTree([*first, *second])
    for each in [None, *IDS]:
        assert tree.children(each) == at_once.children(each)


def test_a_branch_that_was_asked_for_before_is_that_of_the_tree_as_it_is() -> None:
    tree = grown_tree()
    asked = tree.branch("reply")
    asked.clear()
    assert ids(tree.branch("reply")) == ["question", "first", "follow-up", "reply"]
    grown = tree.with_message(a_message("reply", "follow-up", 5, content="longer"))
    assert grown.branch("reply")[-1].content == "longer"
    assert tree.branch("reply")[-1].content != "longer"
    assert ids(tree.branch("second")) == ["question", "second"]
    assert tree.branch(None) == []


def test_messages_are_no_garbage_to_look_through() -> None:
    """Ten thousand of them took 20 ms of the window's time, whenever rings were looked for."""
    assert not gc.is_tracked(a_message("question", None, 1))

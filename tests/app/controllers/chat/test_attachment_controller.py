"""Files and long pastes on their way to a message, on a real store and with the real limited process."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.attachments.limits import FILES_PER_MESSAGE
from app.controllers.chat.attachment_controller import AttachmentController
from app.conversations.attachment import Attachment
from app.models.attachment_item import AttachmentItem
from tests.app.attachments import documents
from tests.app.controllers.conftest import Desk


class Clip:
    """What the composer would show."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.controller = AttachmentController(desk.conversations)
        self.items: tuple[AttachmentItem, ...] = ()
        self.problems: list[str] = []
        self.controller.items_changed.connect(lambda items: setattr(self, "items", items))
        self.controller.problem_changed.connect(lambda words: self.problems.append(words) if words else None)

    @property
    def names(self) -> list[str]:
        return [item.name for item in self.items if item.attachment is not None]

    def add(self, *paths: Path) -> None:
        self.controller.add_files([str(path) for path in paths])
        self.desk.qtbot.waitUntil(lambda: all(item.attachment is not None for item in self.items))

    def close(self) -> None:
        self.controller.shut_down()


@pytest.fixture
def clip(desk: Desk) -> Iterator[Clip]:
    desk.open_shop()
    clip = Clip(desk)
    yield clip
    clip.close()


def text_file(folder: Path, name: str, text: str = "some words") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_files_are_shown_while_read_and_kept_in_their_order(clip: Clip, tmp_path: Path) -> None:
    pdf = tmp_path / "b.pdf"
    pdf.write_bytes(documents.pdf("Hello", ""))
    clip.controller.add_files([str(pdf), str(text_file(tmp_path, "a.txt"))])
    assert [(item.name, item.attachment) for item in clip.items] == [("b.pdf", None), ("a.txt", None)]
    assert clip.items[0].title == "Reading b.pdf …"
    clip.desk.qtbot.waitUntil(lambda: len(clip.names) == 2)
    assert clip.names == ["b.pdf", "a.txt"]
    assert clip.items[0].attachment is not None
    assert clip.items[0].attachment.note == "1 of 2 pages is a picture without text."


def test_they_are_sent_with_the_message_and_stand_in_the_prompt(clip: Clip, tmp_path: Path) -> None:
    clip.add(text_file(tmp_path, "plan.txt", "buy milk"))
    command = clip.desk.send("What is the plan?")
    assert clip.items == ()
    said = command.messages[-1].content
    assert said.startswith("The user attached")
    assert "Attachment 1 of 1: plan.txt\n```\nbuy milk\n```\n\nWhat is the plan?" in said
    assert clip.desk.shown()[0].attachments[0].name == "plan.txt"
    assert clip.desk.stored()[0].attachments[0].text == "buy milk"
    assert clip.desk.stored()[0].content == "What is the plan?"
    clip.desk.finish(command, "Milk.", 1)
    assert clip.desk.send("And then?").messages[0].content == said  # word for word, so what was read stays known


def test_a_message_may_be_attachments_only(clip: Clip, tmp_path: Path) -> None:
    clip.add(text_file(tmp_path, "plan.txt"))
    command = clip.desk.send("")
    assert command.messages[-1].content.endswith("some words\n```")
    current = clip.desk.conversations.current
    assert current is not None
    assert current.conversation.title == "plan.txt"


def test_refused_files_say_why_and_the_others_stay(clip: Clip, tmp_path: Path) -> None:
    clip.add(text_file(tmp_path, "a.txt"), tmp_path, tmp_path / "gone.txt")
    assert clip.names == ["a.txt"]
    folder, gone = clip.problems[-1].splitlines()
    assert "is a folder" in folder
    assert gone == "gone.txt is no longer there."


def test_many_refusals_are_counted_and_gone_with_the_next_files(clip: Clip, tmp_path: Path) -> None:
    clip.add(*(tmp_path / f"{number}.txt" for number in range(5)))
    assert clip.problems[-1].splitlines() == [
        "0.txt is no longer there.",
        "1.txt is no longer there.",
        "2.txt is no longer there.",
        "And 2 more.",
    ]
    clip.add(tmp_path / "9.txt")
    assert clip.problems[-1] == "9.txt is no longer there."


def test_too_many_files_are_said_before_anything_is_read(clip: Clip, tmp_path: Path) -> None:
    clip.controller.add_files([str(tmp_path / f"{number}.txt") for number in range(FILES_PER_MESSAGE + 5)])
    assert "At most 20 files" in clip.problems[0]
    assert len(clip.items) == FILES_PER_MESSAGE


def test_removing_a_chip_stops_its_reading(clip: Clip, tmp_path: Path) -> None:
    clip.controller.add_files([str(text_file(tmp_path, "a.txt")), str(text_file(tmp_path, "b.txt"))])
    clip.controller.remove(clip.items[1].key)
    clip.desk.qtbot.waitUntil(lambda: clip.names == ["a.txt"])
    clip.desk.qtbot.wait(300)
    assert clip.names == ["a.txt"]
    clip.controller.remove(clip.items[0].key)
    assert clip.items == ()


def test_a_file_read_after_a_switch_goes_where_it_was_attached(clip: Clip, tmp_path: Path) -> None:
    clip.desk.talk("Hello", "Hi")
    first = clip.desk.conversations.current_id
    assert first is not None
    clip.controller.add_files([str(text_file(tmp_path, "a.txt"))])
    clip.desk.conversations.new()
    assert clip.items == ()
    clip.desk.qtbot.waitUntil(lambda: not clip.controller._intake._readings)
    assert clip.items == ()
    clip.desk.conversations.open(first)
    clip.desk.settle()
    assert clip.names == ["a.txt"]


def test_a_long_paste_is_kept_and_can_become_text_again(clip: Clip) -> None:
    text = "ab\r\ncd " * 3_000
    clip.controller.add_text(text)
    assert [item.attachment.text for item in clip.items if item.attachment] == [text]
    kept = clip.items[0].attachment
    assert kept is not None
    clip.controller.drop(kept)
    assert clip.items == ()
    clip.controller.add(kept)  # that was undone
    assert [item.attachment for item in clip.items] == [kept]


def test_attachments_of_a_draft_outlive_a_restart(
    clip: Clip, desk: Desk, reopened: Callable[[], Desk], tmp_path: Path
) -> None:
    clip.add(text_file(tmp_path, "a.txt", "kept"))
    desk.conversations.drafts.flush()
    desk.settle()
    again = reopened()
    found = Clip(again)
    again.open_shop()
    assert found.names == ["a.txt"]
    command = again.send("Go")
    assert "kept" in command.messages[-1].content
    found.close()


def test_waiting_messages_keep_their_attachments_in_the_store(clip: Clip, tmp_path: Path) -> None:
    clip.desk.send("First")
    clip.add(text_file(tmp_path, "a.txt", "waits"))
    clip.desk.chat.send("Second")
    assert clip.items == ()
    clip.desk.conversations.drafts.flush()
    clip.desk.settle()
    current_id = clip.desk.conversations.current_id
    assert current_id is not None
    assert [each.text for each in clip.desk.record(current_id).draft_attachments] == ["waits"]
    clip.desk.chat.waiting.edit(0)
    assert (clip.desk.draft, clip.names) == ("Second", ["a.txt"])


def test_an_edit_keeps_attachments_or_takes_those_that_are_given(clip: Clip, tmp_path: Path) -> None:
    clip.add(text_file(tmp_path, "a.txt"), text_file(tmp_path, "b.txt"))
    command = clip.desk.send("Look")
    clip.desk.finish(command, "Seen", 1)
    clip.desk.settle()
    question = clip.desk.shown()[0]
    clip.desk.chat.edit((question.id, "Look again"))
    command = clip.desk.next_generate(1)
    assert "b.txt" in command.messages[-1].content
    clip.desk.finish(command, "Seen", 1)
    clip.desk.settle()
    clip.desk.chat.edit((question.id, "Only one", question.attachments[:1]))
    command = clip.desk.next_generate(2)
    assert "a.txt" in command.messages[-1].content
    assert "b.txt" not in command.messages[-1].content


def test_a_private_conversation_leaves_nothing_on_disk(clip: Clip, database: Path, tmp_path: Path) -> None:
    clip.desk.conversations.new_private()
    clip.add(text_file(tmp_path, "a.txt", "canary-of-a-private-file"))
    clip.desk.finish(clip.desk.send("Hello"), "Hi", 1)
    clip.add(text_file(tmp_path, "b.txt", "canary-of-a-private-file"))
    clip.desk.conversations.drafts.flush()
    clip.desk.settle()
    files = [path for path in database.parent.iterdir() if path.name.startswith("conversations.db")]
    assert files
    assert not any(b"canary-of-a-private-file" in path.read_bytes() for path in files)


def test_a_book_is_looked_through_beside_the_window(clip: Clip) -> None:
    """Fault row 31: nothing of the window's thread is needed for it, and one sees that it comes."""
    threads: list[str] = []
    counted = Attachment.text_bytes.func  # type: ignore[attr-defined]

    def count(attachment: Attachment) -> int:
        threads.append(threading.current_thread().name)
        return int(counted(attachment))

    text = "Größe " * 2_000_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Attachment.text_bytes, "func", count)
        clip.controller.add_text(text)
        assert [(item.title, item.attachment) for item in clip.items] == [("Reading Pasted text …", None)]
        clip.desk.qtbot.waitUntil(lambda: clip.names == ["Pasted text"])
        assert clip.items[0].attachment is not None
        assert clip.items[0].attachment.text_bytes == len(text.encode())
    assert len(threads) == 1
    assert threads[0].startswith("attached-pastes")


def test_a_paste_that_is_removed_while_it_is_looked_through_stays_away(clip: Clip) -> None:
    clip.controller.add_text("word " * 2_000_000)
    clip.controller.remove(clip.items[0].key)
    clip.desk.qtbot.wait(300)
    assert clip.items == ()


def test_a_shorter_paste_can_be_sent_with_the_next_key(clip: Clip) -> None:
    clip.controller.add_text("word " * 50_000)
    assert clip.names == ["Pasted text"]

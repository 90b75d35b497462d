"""Counting matches beside the window: what a turn of its loop costs, and that all of any text is counted."""

import threading

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.conversations.records import Message, MessageState
from app.models import lent_time, transcript_counting
from app.models.lent_time import LentTime
from app.models.transcript_counting import MessageReader
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.models.transcript_search import TranscriptSearch
from tests.app.widgets.demo_conversation import answer, entries, user


class AskedModel(TranscriptModel):
    """Counts how often a row is looked for."""

    asked = 0

    def row_of(self, message_id: str) -> int | None:
        self.asked += 1
        return super().row_of(message_id)


def counted(qtbot: QtBot, search: TranscriptSearch, words: str) -> int:
    search.look_for(words, match_case=False)
    qtbot.waitUntil(lambda: not search.is_searching, timeout=30_000)
    return search.total


def test_each_row_is_placed_once_however_many_there_are(qtbot: QtBot) -> None:
    """The count so far is told many times: none of them looks at all rows again."""
    model = AskedModel()
    model.set_entries(entries([user(number, "A question of embers") for number in range(6_000)]))
    search = TranscriptSearch(model)
    told: list[int] = []
    search.changed.connect(lambda: told.append(search.total))
    assert counted(qtbot, search, "ember") == 6_000
    assert len(told) > 1
    assert model.asked == 6_000
    assert [search.place(number) for number in (0, 2_999, 5_999)] == [(0, 0), (2_999, 0), (5_999, 0)]
    search.close()


def test_nothing_is_counted_while_the_window_is_busy(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn of the loop that takes long isn't made longer by a thread that has Python's lock."""
    read: list[str] = []
    is_read = threading.Event()
    lines_of = MessageReader.lines_of

    def noted(reader: MessageReader, message: Message, words: str, lent: LentTime) -> list[str]:
        read.append(threading.current_thread().name)
        is_read.set()
        return lines_of(reader, message, words, lent)

    monkeypatch.setattr(MessageReader, "lines_of", noted)
    monkeypatch.setattr(lent_time, "_PATIENCE_SECONDS", 600.0)
    model = TranscriptModel()
    model.set_entries(entries([answer(number, "**Some** embers") for number in range(200)]))
    search = TranscriptSearch(model)
    search.look_for("some embers", match_case=False)
    assert not is_read.wait(0.1)
    qtbot.waitUntil(lambda: not search.is_searching)
    assert len(read) == 200
    assert set(read) == {"find"}
    search.close()


def test_a_search_that_waits_for_time_ends_at_once(qtbot: QtBot) -> None:
    model = TranscriptModel()
    model.set_entries(entries([answer(number, "**Some** embers") for number in range(200)]))
    search = TranscriptSearch(model)
    search.look_for("some embers", match_case=False)
    search.close()  # waits for its thread, to which nothing was lent
    assert (search.total, search.is_searching) == (0, False)
    assert counted(qtbot, search, "some embers") == 200
    search.close()


def test_an_answer_that_grows_does_not_end_the_search_of_the_others(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is counted again is done before the rest is: as long as that goes on, the number is not the last one."""
    goes_on = threading.Event()
    lines_of = MessageReader.lines_of

    def held(reader: MessageReader, message: Message, words: str, lent: LentTime) -> list[str]:
        if message.id == "a1":
            goes_on.wait(30)
        return lines_of(reader, message, words, lent)

    monkeypatch.setattr(MessageReader, "lines_of", held)
    model = TranscriptModel()
    model.set_entries(entries([answer(1, "An ember")]))
    model.append(TranscriptEntry(answer(2, "An", MessageState.STREAMING)))
    search = TranscriptSearch(model)
    search.look_for("ember", match_case=False)
    model.update_message(answer(2, "An ember and an ember", MessageState.STREAMING))
    qtbot.waitUntil(lambda: search.total == 2)
    assert search.is_searching
    goes_on.set()
    qtbot.waitUntil(lambda: not search.is_searching)
    assert search.total == 3
    search.close()


@pytest.mark.parametrize("place", [0, 7, 19_996, 19_999, 20_000, 39_998])
def test_a_line_without_end_is_searched_in_pieces(qtbot: QtBot, place: int) -> None:
    """A match over the border of two pieces counts once, wherever it stands."""
    length = 3 * transcript_counting._PIECE_CHARACTERS
    line = "x" * place + "ember ember" + "x" * (length - place)
    model = TranscriptModel()
    model.set_entries(entries([user(1, line), user(2, "aa" * length)]))
    search = TranscriptSearch(model)
    assert counted(qtbot, search, "ember") == 2
    assert counted(qtbot, search, "aaaa") == length // 2
    search.close()


def test_matches_keep_their_rows_when_messages_come_and_go(qtbot: QtBot) -> None:
    model = TranscriptModel()
    texts = [user(number, "ember " * (number % 3)) for number in range(10)]
    model.set_entries(entries(texts))
    search = TranscriptSearch(model)
    assert counted(qtbot, search, "ember") == 9
    model.set_entries(entries(texts[:6]))
    assert search.total == 6
    model.append(TranscriptEntry(user(20, "ember ember")))
    qtbot.waitUntil(lambda: search.total == 8)
    assert [search.place(number) for number in (0, 1, 2, 3, 5, 6, 7)] == [
        (1, 0), (2, 0), (2, 1), (4, 0), (5, 1), (6, 0), (6, 1)]  # fmt: skip
    assert [search.number_at(row) for row in (0, 2, 3, 6, 7)] == [0, 1, 3, 6, 0]
    assert search.number_at(5, within=9) == 5
    search.close()
    QApplication.processEvents()
    assert search.total == 0


def test_a_search_ends_without_a_window(qtbot: QtBot) -> None:
    """Its thread waits for turns of a loop, which may never turn again."""
    model = TranscriptModel()
    model.set_entries(entries([answer(number, "**Some** embers") for number in range(2_000)]))
    search = TranscriptSearch(model)
    search.look_for("some embers", match_case=False)
    (thread,) = (each for each in threading.enumerate() if each.name == "find")
    thread.join(timeout=30)
    assert not thread.is_alive()

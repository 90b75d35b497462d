"""A code block: as high as its lines, copied as written, coloured without waiting."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.rendering import highlight
from app.rendering.languages import file_name
from app.widgets.basics.text_saving import TextSaving
from app.widgets.basics.theme import LIGHT
from app.widgets.text import code_colours
from app.widgets.text.code_block import CodeBlock
from app.widgets.transcript.message_body import MessageBody
from tests.app.widgets.message_probe import MakeBody, stream


def only_code(body: MessageBody) -> CodeBlock:
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)
    return block


def test_code_is_as_high_as_its_lines_in_any_script(make_body: MakeBody) -> None:
    body = make_body("```\none\n漢字 🔥\nשלום\n\nfive\n```")
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)
    block.resize(600, block.height_for(600))
    view = block.view
    last = view.document().lastBlock()
    bottom = view.blockBoundingGeometry(last).translated(view.contentOffset()).bottom()
    assert bottom <= view.viewport().height()
    assert bottom > view.viewport().height() - 40


def test_long_code_lines_scroll_or_wrap(make_body: MakeBody) -> None:
    body = make_body("```python\n" + "x = 1 + 2 " * 40 + "\n```")
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)
    body.resize(400, body.heightForWidth(400))
    QApplication.processEvents()
    narrow = body.heightForWidth(400)
    assert block.view.horizontalScrollBar().maximum() > 0
    block.wrap_button.click()
    QApplication.processEvents()
    assert body.heightForWidth(400) > narrow + 50
    body.resize(400, body.heightForWidth(400))
    QApplication.processEvents()
    assert not block.view.horizontalScrollBar().isVisible()
    block.wrap_button.click()
    QApplication.processEvents()
    assert body.heightForWidth(400) == narrow


def test_copy_takes_the_code_as_written_and_says_so(make_body: MakeBody, qtbot: QtBot) -> None:
    body = make_body("```js\nif (a) {\u202e\n\tb();\n}\n```")
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)
    qtbot.mouseClick(block.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "if (a) {\u202e\n\tb();\n}"
    assert block.copy_button.text().strip() == "Copied"
    assert "<U+202E>" in block.view.toPlainText()
    qtbot.waitUntil(lambda: block.copy_button.text().strip() == "Copy")


def test_code_gets_its_colours_and_keeps_them_while_it_grows(make_body: MakeBody, qtbot: QtBot) -> None:
    code = "".join(f"def f{number}():\n    return 'x'\n" for number in range(200))
    body = make_body("")
    for end in range(0, len(code), 500):
        stream(body, "```python\n" + code[:end])
    body.set_text("```python\n" + code + "```")
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)

    def coloured() -> bool:
        last = block.view.document().findBlockByNumber(399)
        return bool(last.layout().formats())

    qtbot.waitUntil(coloured)
    line = block.view.document().findBlockByNumber(398)
    ranges = {
        (piece.start, piece.length): piece.format.foreground().color().name() for piece in line.layout().formats()
    }
    assert ranges[(0, 3)] == LIGHT.syntax.keyword


def test_growing_code_is_appended(make_body: MakeBody) -> None:
    body = make_body("")
    stream(body, "```python\nx = 1\n")
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)
    cursor = block.view.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(5, QTextCursor.MoveMode.KeepAnchor)
    block.view.setTextCursor(cursor)
    stream(body, "```python\nx = 1\ny = 2\n")
    assert block.view.toPlainText() == "x = 1\ny = 2"
    assert block.view.textCursor().selectedText() == "x = 1"


def test_code_that_is_slow_to_colour_stays_plain(make_body: MakeBody, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_colours, "_LONGEST_SLICE_SECONDS", 0.0)
    body = make_body("")
    for count in range(1, 5):
        stream(body, "```python\n" + "def f(): pass\n" * 100 * count)
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)
    assert block.view.document().blockCount() == 400
    assert not block.view.document().findBlockByNumber(399).layout().formats()


def test_loading_a_language_is_not_held_against_the_code(
    make_body: MakeBody, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_colours, "_LONGEST_SLICE_SECONDS", 0.1)
    clock = SimpleNamespace(now=100.0)
    clock.perf_counter = clock.thread_time = lambda: clock.now

    def slow(name: str) -> Lexer:
        clock.now += 10 * code_colours._LONGEST_SLICE_SECONDS
        return get_lexer_by_name(name)

    monkeypatch.setattr(code_colours, "time", clock)
    monkeypatch.setattr(highlight, "get_lexer_by_name", slow)
    highlight._lexer.cache_clear()
    body = make_body("```python\ndef f():\n    pass\n```")
    (block,) = body.block_widgets
    assert isinstance(block, CodeBlock)
    second = block.view.document().findBlockByNumber(1)
    qtbot.waitUntil(lambda: bool(second.layout().formats()))  # a busy machine comes to it in a later turn


def test_code_is_saved_as_it_was_written(qtbot: QtBot, make_body: MakeBody, tmp_path: Path) -> None:
    body = make_body("```python\nprint('ä')\n```")
    code = only_code(body)
    code.save()
    saving = code.window().findChild(TextSaving)
    assert isinstance(saving, TextSaving)
    assert saving.dialog.selectedFiles()[0].endswith("code.py")
    with qtbot.waitSignal(saving.saved):
        saving.dialog.fileSelected.emit(str(tmp_path / "mine.py"))
    saving.dialog.close()
    assert (tmp_path / "mine.py").read_text(encoding="utf-8") == "print('ä')"
    assert code.save_button.text() == " Saved"
    qtbot.waitUntil(lambda: code.save_button.text() == " Save as…")


def test_a_file_that_cannot_be_written_is_said_in_a_sentence(qtbot: QtBot, make_body: MakeBody, tmp_path: Path) -> None:
    body = make_body("```\nx\n```")
    code = only_code(body)
    code.save()
    saving = code.window().findChild(TextSaving)
    assert isinstance(saving, TextSaving)
    saving.dialog.close()
    saving.write(str(tmp_path / "no folder" / "x.txt"))
    qtbot.waitUntil(lambda: bool(code.window().findChildren(QMessageBox)))
    box = code.window().findChildren(QMessageBox)[0]
    assert box.text().startswith("The file could not be saved: ")
    assert "x.txt" in box.informativeText()
    box.close()


@pytest.mark.parametrize(("word", "name"), [("py", "code.py"), ("c++", "code.cpp"), ("", "code.txt"),
                                            ("dockerfile", "Dockerfile"), ("../etc", "code.txt")])  # fmt: skip
def test_file_names(word: str, name: str) -> None:
    assert file_name(word) == name


def test_a_narrow_header_shows_icons_before_it_cuts_words(make_body: MakeBody) -> None:
    body = make_body("```python\nprint(1)\n```")
    block = only_code(body)
    buttons = (block.wrap_button, block.save_button, block.copy_button)
    block.resize(700, 100)
    assert {each.toolButtonStyle() for each in buttons} == {Qt.ToolButtonStyle.ToolButtonTextBesideIcon}
    for width in range(700, 180, -10):
        block.resize(width, 100)
        QApplication.processEvents()
        assert all(each.width() >= each.sizeHint().width() for each in buttons), width
    assert block.wrap_button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
    assert [each.accessibleName() for each in buttons] == ["Wrap", "Save as…", "Copy"]
    block.resize(700, 100)
    assert {each.toolButtonStyle() for each in buttons} == {Qt.ToolButtonStyle.ToolButtonTextBesideIcon}

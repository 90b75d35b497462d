"""Every text that is shown is found for translation, and every translation is whole."""

import ast
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from app.widgets.actions.action_table import MENUS, ActionRow, MenuRow
from tests import translations
from tests.translations import Text

APP = translations.ROOT / "app"
FILES = translations.files()
needs_tools = pytest.mark.skipif(
    not (translations.tool("lupdate") and translations.tool("lrelease")), reason="PySide6 comes without Qt's tools here"
)

# Calls whose texts stand on the screen, by name, with the places of those texts (None: all of them).
_SHOWN: dict[str, tuple[int, ...] | None] = {
    "setText": (0,),
    "set_text": (0,),
    "setToolTip": (0,),
    "setStatusTip": (0,),
    "setPlaceholderText": (0,),
    "set_placeholder": (0,),
    "setAccessibleName": (0,),
    "setAccessibleDescription": (0,),
    "setWindowTitle": (0,),
    "setTitle": (0,),
    "set_label": (0,),
    "QAction": None,
    "QLabel": (0,),
    "QPushButton": None,
    "QToolButton": None,
    "QCheckBox": None,
    "QRadioButton": None,
    "QGroupBox": None,
    "QFileDialog": None,
    "QListWidgetItem": None,
    "addAction": None,
    "addMenu": None,
    "addItem": (0,),
    "addItems": (0,),
    "plain_label": (0,),
    "plain_tooltip": (0,),
    "PlainLabel": (0,),
    "ElidedLabel": (0,),
    "IconButton": (1,),
    "Invitation": (1, 2),
    "Segmented": (0, 1),
    "ActionRow": (1,),
    "MenuRow": (1,),
    "Field": (1, 2),
    "Choice": (1,),
    "StoreError": None,
    "StoreDamaged": (0, 1),
    "StorageFailed": (0, 1),
    "StoreReadOnly": (0, 1),
    "KeyringUnavailable": (0,),
    "BadValue": (0,),
}
_SHOWN_KEYWORDS = {"text", "action", "label", "hint", "message", "unset_label", "placeholder", "title", "tooltip"}
_KEYWORD_CALLS = {"Notice", "Choice", "Remedy", "ErrorReport", "Field", "Mark", "ActionRow", "QFileDialog"}
_FREE = {
    # names and signs that are the same in every language
    "Hearth", "hf_…", "Aa", "English", "Deutsch", "·", "…", "GiB", "x",
}  # fmt: skip


def _shown_literals(tree: ast.Module) -> list[ast.expr]:
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in _SHOWN:
            places = _SHOWN[name]
            found += [argument for place, argument in enumerate(node.args) if places is None or place in places]
        if name in _KEYWORD_CALLS:
            found += [keyword.value for keyword in node.keywords if keyword.arg in _SHOWN_KEYWORDS]
    return [literal for each in found for literal in _unwrapped(each)]


def _unwrapped(node: ast.expr) -> list[ast.expr]:
    """Return the literals with words in an expression that are in no call: ``tr("...")`` and ``mark`` are calls."""
    match node:
        case ast.Constant(value=str(text)):
            return [node] if re.search(r"[A-Za-z]{2}", text) and text.strip() not in _FREE else []
        case ast.JoinedStr(values=values):
            words = [str(each.value) for each in values if isinstance(each, ast.Constant)]
            return [node] if any(re.search(r"[A-Za-z]{2}", w) and w.strip(" .–—-") not in _FREE for w in words) else []
        case ast.IfExp(body=body, orelse=orelse):
            return _unwrapped(body) + _unwrapped(orelse)
        case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
            return [literal for each in values for literal in _unwrapped(each)]
        case ast.BinOp(left=left, right=right):
            return _unwrapped(left) + _unwrapped(right)
    return []


@pytest.mark.parametrize("path", translations.sources(), ids=lambda path: path.relative_to(APP).as_posix())
def test_what_is_shown_can_be_translated(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert [f"{literal.lineno}: {ast.unparse(literal)}" for literal in _shown_literals(tree)] == []


def test_a_text_that_is_not_wrapped_is_found() -> None:
    code = 'label.setText("Copy it" if a else "")\nNotice(key="k", text=f"Deleted {name}")\nlabel.setText(tr("Copy"))'

    assert [node.lineno for node in _shown_literals(ast.parse(code))] == [1, 2]


@pytest.mark.parametrize("path", translations.sources(), ids=lambda path: path.relative_to(APP).as_posix())
def test_texts_for_translation_are_written_out(path: Path) -> None:
    """Lupdate finds literals only: a variable is fine where ``mark`` has seen its text, an f-string never is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("tr", "mark") and node.args:
            assert not isinstance(node.args[0], ast.JoinedStr | ast.BinOp), f"{path}:{node.lineno}"
            if getattr(node.func, "id", "") == "mark":
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_text_has_a_whole_translation(file: Path) -> None:
    found = translations.texts(file)

    assert len(found) > 500
    assert [text.source for text in found if not text.is_finished or not all(text.translations)] == []
    assert [(text.source, text.translations) for text in found if not _is_whole(text)] == []


def _is_whole(text: Text) -> bool:
    return all(
        _places(text.source) == _places(each)
        and ("&" in text.source.replace("&&", "")) == ("&" in each.replace("&&", ""))
        and _end(text.source) == _end(each)
        for each in text.translations
    )


def _places(text: str) -> Counter[str]:
    return Counter(re.findall(r"\{\w+\}|%n", text))


def _end(text: str) -> str:
    """Return what says that more comes, or that a value is put behind it."""
    return next((end for end in ("…", ":", " ") if text.endswith(end)), "")


def test_a_lost_place_or_ellipsis_is_noticed() -> None:
    for source, translation in (
        ("Deleted {title}", "Gelöscht"), ("Open…", "Öffnen"), ("&File", "Datei"), ("%n files", "Dateien"),
    ):  # fmt: skip
        assert not _is_whole(Text(source=source, comment="", translations=(translation,), is_finished=True))


@needs_tools
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_text_of_the_code_is_missing(file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(file, tmp_path))
    translations.update(copy)

    def known(path: Path) -> set[tuple[str, str]]:
        return {(text.source, text.comment) for text in translations.texts(path)}

    assert known(copy) - known(file) == set(), "python -m tests.translations adds them; then translate them"
    assert known(file) - known(copy) == set(), "python -m tests.translations takes out what is no longer said"


@needs_tools
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_compiled_file_is_made_from_its_source(file: Path, tmp_path: Path) -> None:
    compiled = tmp_path / "made.qm"
    translations.release(file, compiled)

    assert compiled.read_bytes() == file.with_suffix(".qm").read_bytes(), "python -m tests.translations compiles it"


def _menus(menu: MenuRow) -> list[tuple[str, list[str]]]:
    entries = [entry for entry in menu.entries if entry is not None]
    below = [found for entry in entries if isinstance(entry, MenuRow) for found in _menus(entry)]
    return [(menu.words, [entry.words for entry in entries if isinstance(entry, ActionRow | MenuRow)]), *below]


@pytest.mark.parametrize("file", [None, *FILES], ids=lambda file: file.stem if file else "english")
def test_no_menu_has_the_same_accelerator_twice(file: Path | None) -> None:
    words = {text.source: text.translations[0] for text in translations.texts(file)} if file else {}
    menus = [("the bar", [menu.words for menu in MENUS]), *(found for menu in MENUS for found in _menus(menu))]

    for name, entries in menus:
        shown = [words.get(entry, entry).replace("&&", "") for entry in entries]
        keys = Counter(found[1].lower() for entry in shown if (found := re.search(r"&(\w)", entry)))
        assert [entry for entry in shown if "&" not in entry] == [], name
        assert {key: count for key, count in keys.items() if count > 1} == {}, (name, shown)

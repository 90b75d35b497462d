"""The language of the window is found and installed before anything is shown, Qt's own words included."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from pytestqt.qtbot import QtBot

from app import language
from app.dates import full_date
from app.engine_words import said
from app.models.amounts import file_size, memory
from app.settings.file import peek
from app.settings.schema import Settings
from app.settings.values import Language
from app.widgets.basics import languages
from app.widgets.basics.key_words import key_words


@pytest.mark.usefixtures("german")
def test_german_words_numbers_and_dates(qtbot: QtBot) -> None:
    assert language.tr("Settings") == "Einstellungen"
    assert language.tr("Download") == "Herunterladen"
    assert language.tr("Download", "noun") == "Download"
    assert language.tr("No such text") == "No such text"
    assert language.grouped(12345.6, 1) == "12.345,6"
    assert (memory(3 * 2**29), file_size(4_940_000_000)) == ("1,5 GiB", "4,9 GB")
    assert full_date(date(2026, 3, 5)) == "5. März 2026"
    assert QLocale().decimalPoint() == ","


@pytest.mark.usefixtures("german")
def test_qts_own_buttons_and_keys_are_german_too(qtbot: QtBot) -> None:
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    qtbot.addWidget(box)

    assert box.button(QDialogButtonBox.StandardButton.Cancel).text() == "Abbrechen"
    assert key_words("Ctrl+N") == "Strg+N"


@pytest.fixture
def english(qapp: QApplication) -> Iterator[None]:
    """Everything that is made now is English as it is printed."""
    languages.install(qapp, Language.ENGLISH)
    yield
    language.use(None)


@pytest.mark.usefixtures("english")
def test_english_asks_no_dictionary() -> None:
    assert language.tr("Settings") == "Settings"
    assert QCoreApplication.translate("", "Settings") == "Settings"


@pytest.mark.usefixtures("english")
def test_english_has_the_apostrophes_of_print() -> None:
    folder = "/home/o'brien"
    words = language.tr("The folder {folder} can't be used ({reason}).").format(folder=folder, reason="why")
    assert words == f"The folder {folder} can’t be used (why)."
    assert said(f"The model's chat template can't be used for this conversation: {folder}.") == (
        f"The model’s chat template can’t be used for this conversation: {folder}."
    )


@pytest.mark.parametrize(
    ("system", "code"), [("de_AT", "de"), ("de_DE", "de"), ("en_US", "en"), ("fr_FR", "en"), ("C", "en")]
)
def test_the_desktops_language_is_taken_if_hearth_speaks_it(system: str, code: str) -> None:
    assert languages.code_for(Language.SYSTEM, QLocale(system)) == code
    assert languages.code_for(Language.GERMAN, QLocale(system)) == "de"


def test_the_language_is_read_early_without_touching_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    assert peek(path, "language") == Settings().language
    path.write_text('{"language": "de"}', encoding="utf-8")
    assert peek(path, "language") == Language.GERMAN
    for broken in ("not json", '{"language": "tlh"}', '{"language": 3}'):
        path.write_text(broken, encoding="utf-8")
        assert peek(path, "language") == Language.SYSTEM
        assert [each.name for each in tmp_path.iterdir()] == ["settings.json"]
        assert path.read_text(encoding="utf-8") == broken

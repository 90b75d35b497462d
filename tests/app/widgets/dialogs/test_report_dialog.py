from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.licences import Component
from app.widgets.dialogs.about_dialog import AboutDialog
from app.widgets.dialogs.licences_dialog import LicencesDialog
from app.widgets.dialogs.link_dialog import LinkDialog
from app.widgets.dialogs.report_dialog import ReportDialog
from tests.app.widgets.conftest import Shown

PAGE = "https://example.org/issues"


def test_the_text_that_is_shown_is_the_text_that_is_copied_and_saved(
    qtbot: QtBot, shown: Shown, tmp_path: Path
) -> None:
    asked: list[object] = []
    shown.window.dialogs.report_requested.connect(asked.append)
    shown.window.dialogs.open_report("ValueError")
    assert asked == ["ValueError"]
    dialog = shown.window.findChild(ReportDialog)
    assert isinstance(dialog, ReportDialog)
    assert not dialog.copy_button.isEnabled()
    shown.window.dialogs.show_report("## Versions\nPython: 3\ud800")
    qtbot.keyClicks(dialog.description, "It stopped.")
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("It stopped.\n\n## Versions\nPython: 3")
    dialog.save(str(tmp_path / "report.txt"))
    assert (tmp_path / "report.txt").read_text().startswith("It stopped.\n\n## Versions")
    assert dialog.told.text() == "Saved as report.txt."
    dialog.save(str(tmp_path / "report.txt" / "inside"))
    assert dialog.told.text().startswith("The file could not be written (")
    dialog.close()
    assert not shown.window.dialogs.is_reporting
    shown.window.dialogs.show_report("too late")


def test_the_page_for_problems_is_shown_as_an_address_before_it_is_opened(qtbot: QtBot, shown: Shown) -> None:
    dialog = ReportDialog(PAGE, shown.window)
    dialog.page_requested.connect(shown.window.dialogs.ask_about_link)
    qtbot.mouseClick(dialog.page_button, Qt.MouseButton.LeftButton)
    link = shown.window.findChild(LinkDialog)
    assert isinstance(link, LinkDialog)
    assert link.address.toPlainText() == PAGE
    link.close()
    dialog.deleteLater()
    without = ReportDialog("", shown.window)
    without.show()
    assert not without.page_button.isVisible()
    without.close()
    without.deleteLater()


def test_about_leads_to_the_licences_which_are_read_by_keyboard(qtbot: QtBot, shown: Shown) -> None:
    shown.window.dialogs.licences_requested.connect(
        lambda: shown.window.dialogs.show_licences([Component("a-package", "1.2", "MIT")])
    )
    shown.window.actions_by_name.about.trigger()
    about = shown.window.findChild(AboutDialog)
    assert isinstance(about, AboutDialog)
    qtbot.mouseClick(about.licences_button, Qt.MouseButton.LeftButton)
    dialog = shown.window.findChild(LicencesDialog)
    assert isinstance(dialog, LicencesDialog)
    assert dialog.title.text() == "Inter"
    assert "SIL Open Font License" in dialog.licence.text()
    assert "OPEN FONT LICENSE" in dialog.text.toPlainText().upper()
    for _ in range(dialog.list.count() - 1):
        qtbot.keyClick(dialog.list, Qt.Key.Key_Down)
    assert (dialog.title.text(), dialog.licence.text()) == ("a-package 1.2", "MIT")
    assert dialog.text.toPlainText() == "This part brings no text of its licence along."
    dialog.close()
    about.close()
    QApplication.processEvents()


def test_the_about_window_is_never_too_small_for_its_words(qtbot: QtBot, shown: Shown) -> None:
    about = AboutDialog(shown.window)
    about.show()
    about.resize(about.width(), 200)  # what Qt gives it on a small screen
    QApplication.processEvents()
    for label in about.findChildren(QLabel):
        needed = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
        assert label.height() >= needed, label.text()

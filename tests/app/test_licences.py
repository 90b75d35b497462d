from collections.abc import Iterable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from app.composition import frame
from app.licences import Component, licence_text, packages
from app.widgets.basics.assets import asset
from app.widgets.dialogs.licences_dialog import LicencesDialog, shipped
from tests.app.whole import Whole, opened

TEXTS = tuple(asset("licences", name) for name in ("LGPL-3.0.txt", "GPL-3.0.txt"))


def test_every_package_that_is_needed_is_named_with_version_and_licence() -> None:
    found = {component.name.lower(): component for component in packages(TEXTS)}
    for name in ("pyside6_essentials", "shiboken6", "apsw", "msgspec", "markdown-it-py", "mdurl", "torch"):
        spellings = {name, name.replace("_", "-")}
        component = next((found[each] for each in spellings if each in found), None)
        assert component is not None, name
        assert component.version
        assert component.licence
    assert "pytest" not in found


@pytest.mark.parametrize("name", ["PySide6_Essentials", "msgspec", "Pygments"])
def test_their_texts_can_be_read(name: str) -> None:
    component = next(each for each in packages(TEXTS) if each.name.lower() == name.lower())
    assert len(licence_text(component)) > 500
    if name.startswith("PySide6"):
        assert "GNU LESSER GENERAL PUBLIC LICENSE" in licence_text(component)


def test_fonts_and_icons_bring_theirs(tmp_path: Path) -> None:
    for component in shipped():
        assert len(licence_text(component)) > 500


def test_packages_are_looked_for_once_however_often_the_list_is_opened(
    qtbot: QtBot, windows: list[Whole], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def counted(texts: Iterable[Path]) -> list[Component]:
        looked.append(1)
        return packages(texts)

    monkeypatch.setattr(frame, "packages", counted)
    window = opened(qtbot, windows)

    def reopened() -> LicencesDialog:
        for each in window.hearth.window.findChildren(LicencesDialog):
            each.close()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        window.hearth.window.actions_by_name.licences.trigger()
        (dialog,) = window.hearth.window.findChildren(LicencesDialog)
        return dialog

    def let_the_store_answer() -> None:
        done: list[bool] = []
        window.hearth._requests.request(lambda store: True, done.append)
        window.wait(lambda: bool(done))

    reopened()
    again = reopened()  # before the packages of the first one were found
    let_the_store_answer()
    names = [again.list.item(row).text() for row in range(again.list.count())]
    assert len(names) == len(set(names)) > len(shipped())
    before = len(looked)
    third = reopened()
    assert [third.list.item(row).text() for row in range(third.list.count())] == names
    let_the_store_answer()
    assert (len(looked), third.list.count()) == (before, len(names))
    third.close()

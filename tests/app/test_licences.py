from pathlib import Path

import pytest

from app.licences import licence_text, packages
from app.widgets.basics.assets import asset
from app.widgets.dialogs.licences_dialog import shipped

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

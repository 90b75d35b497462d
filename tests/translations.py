"""Brings the translations up to date: ``python -m tests.translations`` after texts were added or changed.

It finds every text with Qt's lupdate, keeps the translations there are (assets/languages/*.ts, to be edited by hand or
with Qt Linguist), compiles them with lrelease, and says what is still to be translated.
"""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import PySide6

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "assets" / "languages"
_TOOLS = Path(PySide6.__file__).parent
_ENGLISH_ONLY = ("terminal", "cli.py", "language.py")  # what is said on a terminal stays English


@dataclass(frozen=True)
class Text:
    """One text with its translation; comment tells apart equal texts."""

    source: str
    comment: str
    translations: tuple[str, ...]  # one for each form of a text with a number
    is_finished: bool


def tool(name: str) -> Path | None:
    """Return Qt's tool of that name, None where PySide6 comes without it."""
    return next((path for path in (_TOOLS / name, _TOOLS / f"{name}.exe") if path.is_file()), None)


def sources() -> list[Path]:
    """Return the modules whose texts are translated."""
    app = ROOT / "app"
    return [path for path in sorted(app.rglob("*.py")) if path.relative_to(app).parts[0] not in _ENGLISH_ONLY]


def update(file: Path) -> None:
    """Write every text of the sources into a .ts file; translations of texts that are no longer there go."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "sources.txt"
        listed.write_text("\n".join(str(path) for path in sources()), encoding="utf-8")
        _run("lupdate", f"@{listed}", "-ts", str(file), "-no-obsolete", "-locations", "none", "-sort-messages",
             "-tr-function-alias", "QT_TR_NOOP+=mark", "-silent")  # fmt: skip


def release(file: Path, compiled: Path) -> None:
    """Compile a .ts file."""
    _run("lrelease", str(file), "-qm", str(compiled), "-silent")


def texts(file: Path) -> list[Text]:
    """Return every text of a .ts file."""
    found = []
    for message in ElementTree.parse(file).iter("message"):
        translation = message.find("translation")
        assert translation is not None
        found.append(
            Text(
                source=message.findtext("source", ""),
                comment=message.findtext("comment", ""),
                translations=tuple(each.text or "" for each in (list(translation) or [translation])),
                is_finished=translation.get("type") != "unfinished",
            )
        )
    return found


def files() -> list[Path]:
    """Return the .ts file of each language."""
    return sorted(FOLDER.glob("hearth_*.ts"))


def main() -> int:
    """Update and compile all languages; return how many texts are not translated."""
    missing = 0
    for file in files():
        update(file)
        release(file, file.with_suffix(".qm"))
        left = [text.source for text in texts(file) if not text.is_finished]
        missing += len(left)
        print(f"{file.name}: {len(left)} to translate", *left, sep="\n  ")
    return missing


def _run(name: str, *arguments: str) -> None:
    path = tool(name)
    if path is None:
        raise FileNotFoundError(f"PySide6 has no {name} here")
    subprocess.run([str(path), *arguments], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)

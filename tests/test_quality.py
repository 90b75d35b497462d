"""What a machine can check of the code itself: style, types, import contracts, and what the documents promise."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE_LINES = 400


def run(*arguments: str) -> None:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_style() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_types(platform: str) -> None:
    run(sys.executable, "-m", "mypy", "--platform", platform, "--cache-dir", f".mypy_cache/{platform}")


def test_what_mypy_does_not_read_is_imported_nowhere() -> None:
    """Whatever came from there would be unchecked without a word."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["overrides"]
    skipped = [rule["module"] for rule in overrides if rule.get("follow_imports") == "skip"]
    unread = [name.removesuffix(".*") for names in skipped for name in names]
    sources = [path.read_text(encoding="utf-8") for room in ("app", "engine") for path in (ROOT / room).rglob("*.py")]
    assert not [name for name in unread if any(re.search(rf"\b{re.escape(name)}\b", text) for text in sources)]


def test_import_contracts() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run(sys.executable, "-c", command, "--no-cache")


@pytest.mark.parametrize("room", ["app", "engine"])
def test_no_file_grows_into_a_room_of_its_own(room: str) -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / room).rglob("*.py")}
    assert not {path: size for path, size in sizes.items() if size > LONGEST_FILE_LINES}


def test_every_painter_ends_with_its_block() -> None:
    """One that is left to the count of its references stays on its widget while an error's traceback holds it."""
    begun = re.compile(r"^(?!.*\bwith QPainter\().*\bQPainter\(", re.MULTILINE)
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py")}
    assert not [str(path) for path, text in sources.items() if begun.search(text)]


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "packaging/README.md"])
def test_documents_name_files_that_exist(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?!http|#)([^)]+)\)", text)
    named = re.findall(r"`((?:app|engine|tests|packaging)/[\w/.]+\.(?:py|json|txt|sh))`", text)
    missing = [name for name in linked if not (path.parent / name).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_packaging_is_no_package() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()

"""What Hearth is made of, and under which licences: fonts, icons and the Python packages that are installed with it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported where it is used: with what it needs it takes the window's start 15 ms and 2.5 MiB
    from importlib.metadata import Distribution, PackageMetadata

_ROOT = "hearth-chat"
# Where Hearth runs from a folder, no package says what it needs.
_USUAL = ("PySide6-Essentials", "apsw", "keyring", "markdown-it-py", "msgspec", "platformdirs", "Pygments", "ziamath")
_USUAL_ENGINE = ("accelerate", "bitsandbytes", "gguf", "huggingface_hub", "jinja2", "protobuf", "psutil", "safetensors")
_USUAL_MODELS = ("sentencepiece", "torch", "transformers", "xxhash", "numpy", "filelock")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LICENCE_FILE = re.compile(r"(?i)(^|/)(licen[cs]e|copying|notice|authors)[^/]*$")
_MOST_CHARACTERS = 400_000
_LABEL_CHARACTERS = 60


@dataclass(frozen=True)
class Component:
    """A part of Hearth that somebody else made, or Hearth itself. files: where its licence stands."""

    name: str
    version: str
    licence: str
    files: tuple[Path, ...] = ()


def packages(lgpl: Iterable[Path] = ()) -> list[Component]:
    """Return the installed packages that Hearth needs, by name; lgpl: the texts for Qt, which brings none.

    Takes tenths of a second: each package's metadata is a file.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    found: dict[str, Component] = {}
    waiting = [_ROOT, *_USUAL, *_USUAL_ENGINE, *_USUAL_MODELS]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        needs = package.requires or []
        waiting += [match[0] for need in needs if "extra ==" not in need and (match := _NAME.match(need))]
        found[key] = _component(name, package, tuple(lgpl))
    own = found.pop(_ROOT, None)
    return [*([own] if own is not None else []), *(found[key] for key in sorted(found))]


def licence_text(component: Component) -> str:
    """Return the licence's text, "" if the package brings none. Reads files."""
    texts = []
    for path in component.files:
        try:
            texts.append(path.read_text(encoding="utf-8", errors="replace").strip())
        except OSError:
            continue
    return "\n\n\n".join(texts)[:_MOST_CHARACTERS]


def _component(name: str, distribution: "Distribution", lgpl: tuple[Path, ...]) -> Component:
    about = distribution.metadata
    told = (
        *_values(about, "License-Expression"),
        *_values(about, "License"),
        _classified(_values(about, "Classifier")),
    )
    licence = next((each for each in told if each), "")
    label = " ".join(licence.split()) or "see its page"
    files = [Path(str(distribution.locate_file(file))) for file in distribution.files or [] if _is_licence(str(file))]
    if not files and "LGPL" in label:
        files = list(lgpl)
    shown = label if len(label) <= _LABEL_CHARACTERS else f"{label[: _LABEL_CHARACTERS - 1]}…"
    return Component(
        next(iter(_values(about, "Name")), name), distribution.version, shown, tuple(sorted(files, key=_depth))
    )


def _is_licence(file: str) -> bool:
    return ".dist-info/" in file and _LICENCE_FILE.search(file) is not None


def _depth(path: Path) -> tuple[int, str]:
    return len(path.parts), str(path)


def _values(about: "PackageMetadata", name: str) -> list[str]:
    return [str(value) for value in about.get_all(name) or []]


def _classified(classifiers: Iterable[str]) -> str:
    return next((each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")), "")

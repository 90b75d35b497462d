"""Finds what the engine says in its code and writes it as patterns: python -m tests.engine_sentences.

A sentence is every text of at least two words that is neither documentation, a log line, nor part of an error that is
a bug's; a few that nobody is ever shown are found too, which costs only a translator's time.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "app" / "engine_sentences"
_HEAD = '"""What the engine says, as patterns; made from its code by python -m tests.engine_sentences."""\n\n'
# Names of cards and shapes, what only a terminal shows, the process's own wiring.
_LEFT_OUT = (
    "bench/",
    "hardware/known_cards.py",
    "planning/shapes/",
    "__main__.py",
    "api/",
    "quantization/int8/gemv.py",
)
_BUGS = {"ValueError", "TypeError", "RuntimeError", "KeyError", "AssertionError", "NotImplementedError", "IndexError"}
_UNSAID_CALLS = ("_log.", "logging.", "re.", "warnings.", "TypeVar", "cast", "Form")  # Form: a mark of thinking
_CODE = re.compile(r"[\[\]#\n]|<\||\w=|\w\|\w| \| |->|Called with|\) of the |^\/|\.json$|^[a-z]+ (?:int8|nf4)$")
_LEAST_LETTERS = 6
_LINE_CHARACTERS = 120


def patterns() -> dict[str, list[str]]:
    """Return the patterns by the engine's room that says them, sorted; each stands in the first room only."""
    rooms: dict[str, set[str]] = {}
    known: set[str] = set()
    for path in sorted((ROOT / "engine").rglob("*.py")):
        place = path.relative_to(ROOT / "engine")
        if not place.as_posix().startswith(_LEFT_OUT):
            found = set(filter(_is_said, _texts(ast.parse(path.read_text(encoding="utf-8"))))) - known
            rooms.setdefault(place.parts[0] if len(place.parts) > 1 else "lanes", set()).update(found)
            known |= found
    return {room: sorted(found) for room, found in sorted(rooms.items()) if found}


def module_texts() -> dict[str, str]:
    """Return the modules that hold the patterns, by file name."""
    found = patterns()
    imports = f"from app.engine_sentences import {', '.join(found)}"
    rooms = ", ".join(f"*{room}.PATTERNS" for room in found)
    texts = {"__init__.py": f"{_HEAD}{imports}\n\n# fmt: off\nPATTERNS: tuple[str, ...] = ({rooms})  # noqa: E501\n"}
    for room, said in found.items():
        lines = "\n".join(f"    mark({_quoted(pattern)})," for pattern in said)
        is_long = any(len(line) > _LINE_CHARACTERS for line in lines.splitlines())
        exempt = "# ruff: noqa: E501\n" if is_long else ""
        texts[f"{room}.py"] = (
            f"{_HEAD}from app.language import mark\n\n# fmt: off\n{exempt}PATTERNS: tuple[str, ...] = (\n{lines}\n)\n"
        )
    return texts


def _texts(tree: ast.Module) -> Iterator[str]:
    unsaid: set[int] = set()
    for node in ast.walk(tree):
        unsaid.update(_unsaid_below(node))
    for node in ast.walk(tree):
        if id(node) in unsaid:
            continue
        if isinstance(node, ast.JoinedStr):
            yield _pattern_of(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _unsaid_below(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield id(node.value)  # documentation
    elif isinstance(node, ast.JoinedStr):
        for piece in node.values:
            yield id(piece)
            if isinstance(piece, ast.FormattedValue) and piece.format_spec is not None:
                yield from (id(below) for below in ast.walk(piece.format_spec))
    elif _is_log_line(node) or _is_bug(node):
        yield from (id(below) for below in ast.walk(node))
    elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
        yield from (id(below) for below in ast.walk(node.annotation))


def _is_log_line(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith(_UNSAID_CALLS)


def _is_bug(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and ast.unparse(node.exc).split("(")[0] in _BUGS


def _pattern_of(node: ast.JoinedStr) -> str:
    places = iter(range(len(node.values)))
    return "".join(
        str(piece.value) if isinstance(piece, ast.Constant) else f"{{{next(places)}}}" for piece in node.values
    )


def _is_said(text: str) -> bool:
    fixed = re.sub(r"\{\d+\}", " ", text)
    words = [word for word in fixed.split() if any(map(str.isalpha, word))]
    letters = sum(map(str.isalpha, fixed))
    return len(words) >= 2 and letters >= _LEAST_LETTERS and not _CODE.search(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    for old in TARGET.glob("*.py"):
        old.unlink()
    for name, text in module_texts().items():
        (TARGET / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{sum(map(len, patterns().values()))} patterns\n")

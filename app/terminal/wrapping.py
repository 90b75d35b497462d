"""Text in lines that are no longer than the terminal is wide."""

import argparse
import shutil
import textwrap

# Narrower ones get longer lines than they show: a word in each would be no better.
_NARROWEST = 40


def wrapped(text: str, widest: int, indent: str = "") -> list[str]:
    """Return the lines of a paragraph, each behind the indent, of at most `widest` characters."""
    columns = shutil.get_terminal_size((widest, 1)).columns
    width = min(max(columns, _NARROWEST), widest)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)


class ListingFormatter(argparse.HelpFormatter):
    """Keeps the lines of a description or epilog apart; what goes on of an indented one stands below its own words."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(textwrap.fill(line, width, subsequent_indent=_hanging(line)) for line in text.splitlines())


def _hanging(line: str) -> str:
    """Return the indent of the words behind a name: `  decode     tokens per second`."""
    if not line.startswith(" "):
        return ""
    name, _, _ = line.strip().partition(" ")
    behind = line.index(name) + len(name)
    return " " * (len(line) - len(line[behind:].lstrip()))

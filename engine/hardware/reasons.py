"""Why a probe failed, in one line that is safe in a public bug report."""

import re

_MOST_CHARACTERS = 200
# A path from its root on, its last part set apart: /a/b/c, C:\a\b, \\server\share\a. What follows `http:` is none.
_PATH = re.compile(
    r"(?<![\w/\\:])(?:[A-Za-z]:[\\/]|[\\/]{1,2})(?:[^\\/\n'\"<>|:*?]+[\\/])+(?P<last>[^\\/\s'\"<>|:,;()*?]*)"
)


def one_line(error: BaseException | str) -> str:
    """Return the first line that says something, paths cut to their last part, at most 200 characters."""
    lines = [line.strip(" \t=*-") for line in str(error).splitlines()]
    said = next((line for line in lines if line), "" if isinstance(error, str) else type(error).__name__)
    said = _PATH.sub(lambda found: found["last"] or "a folder", said)
    return said if len(said) <= _MOST_CHARACTERS else said[: _MOST_CHARACTERS - 1] + "…"

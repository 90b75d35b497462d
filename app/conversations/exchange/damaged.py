"""What can still be had of JSON that is cut off, nested too deeply, or not all in one piece; pure."""

import re
from dataclasses import dataclass

# A text, which may be cut off, or what divides values. No step is taken back, so the time is that of one reading.
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


@dataclass(frozen=True)
class Elements:
    """The values of a list as they stand there, whole ones only; is_whole: the list's own end is there as well."""

    values: list[bytes]
    is_whole: bool


def elements(content: bytes, start: int) -> Elements:
    """Return what stands in the list that begins at start, however deep its values are nested."""
    found: list[bytes] = []
    depth, begin = 0, start + 1
    for token in _TOKENS.finditer(content, start):
        sign = content[token.start()]
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
        is_end = depth == 0
        if is_end or (depth == 1 and sign == ord(",")):
            value = content[begin : token.start()]
            if value.strip():
                found.append(value)
            begin = token.end()
        if is_end:
            return Elements(found, is_whole=True)
    return Elements(found, is_whole=False)


def as_utf8(content: bytes) -> bytes:
    """Return a text in UTF-8 without a byte order mark; UTF-16 is what some terminals write into files."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").encode("utf-8", "replace")
    if content[1:2] == b"\0" != content[:1]:
        return content.decode("utf-16-le", "replace").encode("utf-8", "replace")
    if content[:1] == b"\0" != content[1:2]:
        return content.decode("utf-16-be", "replace").encode("utf-8", "replace")
    return content.removeprefix(b"\xef\xbb\xbf")

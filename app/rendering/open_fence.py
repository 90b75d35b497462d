"""A fenced code block that is read while it grows: what was read once is not read again."""

import re


class OpenFence:
    """The code behind an opening fence, up to the line that closes it. opening: where the fence begins and ends."""

    def __init__(self, opening: re.Match[str]) -> None:
        self.opening = opening.span()
        marks, indent = opening["marks"], len(opening["indent"])
        self._closing = re.compile(rf"^ {{0,3}}{marks}{marks[0]}*[ \t]*$", re.MULTILINE)
        self._indent = re.compile(rf"^ {{1,{indent}}}", re.MULTILINE) if indent else None
        self._beginning = opening.end()
        self._place = self._beginning  # of the first line that is not known to be code for good
        self._code = ""  # the lines before it

    def read(self, text: str, end: int) -> tuple[str, re.Match[str] | None]:
        """Return the code before ``end``, and the line that closes it, None if there is none yet.

        The text should begin like that of the call before; then only what is new is read.
        """
        if end < self._place:  # a line that waits for more was shown before
            self._place, self._code = self._beginning, ""
        closing = self._closing.search(text, self._place, end)
        stop = end if closing is None else closing.start()
        whole = max(self._place, text.rfind("\n", self._place, stop) + 1)
        self._code += self._dedented(text[self._place : whole])
        self._place = whole
        return (self._code + self._dedented(text[whole:stop])).removesuffix("\n"), closing

    def _dedented(self, code: str) -> str:
        return code if self._indent is None else self._indent.sub("", code)

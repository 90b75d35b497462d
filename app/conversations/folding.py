"""Letters without case and accents, for comparing what is typed with what is written. Pure."""

import unicodedata


class _Folded(dict[int, int]):
    """One letter for one, so that places in the text stay the same; letters are looked up once."""

    def __missing__(self, code: int) -> int:
        plain = unicodedata.normalize("NFD", chr(code).lower())
        self[code] = ord(plain[0])
        return self[code]


_FOLDED = _Folded()


def folded(text: str) -> str:
    """Return the text in lower case and without accents, as long as before."""
    return text.lower() if text.isascii() else text.translate(_FOLDED)

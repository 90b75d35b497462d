"""Which link targets may be clicked at all: http, https and mailto; everything else stays plain words."""

import re
from urllib.parse import urlsplit

MAXIMUM_URL_CHARACTERS = 2048

# Blanks, control and formatting characters have no place in a URL; browsers drop some of them, which hides schemes.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\\]")
_MAIL = re.compile(r"[^@/]+@[^@/]+\Z")


def safe_url(target: str) -> str | None:
    """Return the target if it may become a link, else None.

    Relative paths, ``javascript:``, ``file:``, ``data:``, UNC paths (``//host``, ``\\\\host``), custom schemes and
    names before an ``@`` (``https://bank.example@evil.example``) give None.
    """
    if len(target) > MAXIMUM_URL_CHARACTERS or _FORBIDDEN.search(target):
        return None
    try:
        parts = urlsplit(target)
        host = parts.hostname
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme in ("http", "https"):
        return target if host and "@" not in parts.netloc else None
    if scheme == "mailto":
        return target if _MAIL.match(parts.path) else None
    return None

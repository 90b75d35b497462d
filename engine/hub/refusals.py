"""What the Hub means by a status other than success: what to tell, and the page where a person can change it."""

import math
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from engine.api.errors import ErrorKind
from engine.hub.http_library import httpx2
from engine.hub.session import tokens_page

Refusal = tuple[ErrorKind, str, str, str]
"""(kind, message, hint, link)"""

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _PROXY_LOGIN, _TOO_MANY, _LEGAL = 401, 403, 404, 407, 429, 451
_SERVER_ERROR = 500
_GATED, _NO_REPOSITORY, _NO_REVISION, _NO_ENTRY = "GatedRepo", "RepoNotFound", "RevisionNotFound", "EntryNotFound"
_SECONDS_TO_COUNT = 180


@dataclass(frozen=True)
class Asked:
    """What was asked for, where, and whether an access token went along; hub_id is empty if no model was named."""

    hub_id: str
    endpoint: str
    has_token: bool

    @property
    def page(self) -> str:
        """The model's page for people."""
        return f"{self.endpoint}/{self.hub_id}"

    @property
    def tokens_page(self) -> str:
        """The page where access tokens are made."""
        return tokens_page(self.endpoint)


def refusal(response: httpx2.Response, asked: Asked) -> Refusal:
    """Return what an answer that is no success means."""
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if status == _TOO_MANY:
        wait = retry_words(response.headers.get("Retry-After", ""))
        return ErrorKind.NETWORK, "The Hub has had too many requests from here.", f"Try again in {wait}.", ""
    if status >= _SERVER_ERROR:
        message = f"The Hub has a problem of its own ({status})."
        return ErrorKind.NETWORK, message, "Try again in a few minutes.", ""
    if status == _PROXY_LOGIN:
        hint = "Enter its address as http://name:password@proxy.example:8080."
        return ErrorKind.NETWORK, "The proxy asks for a name and a password.", hint, ""
    if code == _GATED:
        return _gated(response, asked)
    if code in (_NO_REVISION, _NO_ENTRY, _NO_REPOSITORY) or status == _NOT_FOUND:
        return _missing(code, asked)
    if status == _UNAUTHORIZED:
        return _token_refused(asked) if asked.has_token else _token_missing(asked)
    if status == _FORBIDDEN:
        return _forbidden(response, asked)
    if status == _LEGAL:
        return ErrorKind.NETWORK, f"{_subject(asked)} is not given out for legal reasons.", "Choose another model.", ""
    return ErrorKind.NETWORK, f"The Hub answered {status}{_about(asked)}.", "Check the name and try again.", ""


def retry_words(header: str) -> str:
    """Return what a Retry-After header (seconds or a date) asks for in words; `a few minutes` if it says nothing."""
    asked = retry_seconds(header)
    if asked is None:
        return "a few minutes"
    seconds = math.ceil(asked)
    if seconds <= _SECONDS_TO_COUNT:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"


def retry_seconds(header: str) -> float | None:
    """Return the seconds that a Retry-After header (a number or a date) asks to wait, None if it says nothing.

    RFC 9110 section 10.2.3.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _gated(response: httpx2.Response, asked: Asked) -> Refusal:
    if not asked.has_token:
        message = f"The publisher of {asked.hub_id} gives it only to people who accepted the terms."
        hint = f"Accept them at {asked.page}, then enter an access token."
        return ErrorKind.TOKEN_NEEDED, message, hint, asked.tokens_page
    if response.status_code == _UNAUTHORIZED:
        return _token_refused(asked)
    words = response.headers.get("X-Error-Message", "").casefold()
    if "awaiting" in words or "pending" in words:
        message = f"Your request to use {asked.hub_id} still waits for its publisher."
        return ErrorKind.TERMS_NOT_ACCEPTED, message, "Try again once it was granted.", asked.page
    if "rejected" in words:
        message = f"The publisher of {asked.hub_id} has turned your request down."
        return ErrorKind.TERMS_NOT_ACCEPTED, message, "Choose another model.", asked.page
    if "fine-grained" in words or "token settings" in words:
        return _token_too_weak(asked)
    message = f"The publisher of {asked.hub_id} gives it only to people who accepted the terms."
    return ErrorKind.TERMS_NOT_ACCEPTED, message, f"Accept them at {asked.page}, then try again.", asked.page


def _missing(code: str, asked: Asked) -> Refusal:
    if code == _NO_REVISION:
        message = f"{_subject(asked)} has no such revision."
        return ErrorKind.CHECKPOINT_NOT_FOUND, message, "Use main, or one that its page shows.", ""
    if code == _NO_ENTRY:
        message = f"{_subject(asked)} has no such file."
        return ErrorKind.CHECKPOINT_NOT_FOUND, message, "Look it up again; it may have changed on the Hub.", ""
    if not asked.hub_id:
        message = "There is no Hub at this address."
        return ErrorKind.NETWORK, message, "Check the address of the Hub in the settings.", ""
    message = f"There is no model “{asked.hub_id}” on the Hub."
    if asked.has_token:
        hint = "Check the name; a private model is shown only with a token of somebody who may see it."
        return ErrorKind.CHECKPOINT_NOT_FOUND, message, hint, ""
    return ErrorKind.CHECKPOINT_NOT_FOUND, message, "Check the name; a private model needs an access token.", ""


def _token_missing(asked: Asked) -> Refusal:
    if asked.hub_id:
        message = f"The model “{asked.hub_id}” does not exist on the Hub, or is not shown to everyone."
        hint = "Check the name; a private model needs an access token."
        return ErrorKind.TOKEN_NEEDED, message, hint, asked.tokens_page
    return ErrorKind.TOKEN_NEEDED, "The Hub asks for an access token.", "Enter one and try again.", asked.tokens_page


def _token_refused(asked: Asked) -> Refusal:
    message = "The Hub does not accept the access token; it is wrong, has expired or was revoked."
    return ErrorKind.TOKEN_NEEDED, message, "Make a new one and enter it.", asked.tokens_page


def _token_too_weak(asked: Asked) -> Refusal:
    message = f"The access token may not read {asked.hub_id or 'what was asked for'}."
    hint = "Give it the right to read this model (gated ones too), or make a new one with the role “read”."
    return ErrorKind.TOKEN_NEEDED, message, hint, asked.tokens_page


def _forbidden(response: httpx2.Response, asked: Asked) -> Refusal:
    if response.headers.get("X-Error-Message", "").startswith("Access to this resource is disabled"):
        message = f"{_subject(asked)} was disabled by the Hub."
        return ErrorKind.CHECKPOINT_NOT_FOUND, message, "Choose another model.", ""
    if asked.has_token:
        return _token_too_weak(asked)
    message = f"The Hub does not allow access{f' to {asked.hub_id}' if asked.hub_id else ''} from here."
    return ErrorKind.TOKEN_NEEDED, message, "An access token may help; a firewall may be in the way.", asked.tokens_page


def _subject(asked: Asked) -> str:
    return f"The model {asked.hub_id}" if asked.hub_id else "What was asked for"


def _about(asked: Asked) -> str:
    return f" for {asked.hub_id}" if asked.hub_id else ""

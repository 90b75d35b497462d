"""What the window knows about the access token for the Hub: whether there is one, never which."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenState:
    """endpoint: the address it is for. no_keyring: why tokens can't be kept here, empty if they can or nobody asked.

    error: what just went wrong, as a sentence.
    """

    endpoint: str
    has_token: bool = False
    is_kept: bool = False
    no_keyring: str = ""
    error: str = ""

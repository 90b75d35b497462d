"""Stand-ins for a computer's keyring, as machines that run tests have none: one that works, and some that don't."""

import threading

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps passwords in memory."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls += 1
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.calls += 1
        if (service, username) not in self.passwords:
            raise PasswordDeleteError("not there")
        del self.passwords[service, username]


class LockedKeyring(MemoryKeyring):
    """Is there, but can't be opened."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("the user closed the window that asks for the password")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(f"refused to keep {password}")

    def delete_password(self, service: str, username: str) -> None:
        raise KeyringLocked("no")


class ForgetfulKeyring(MemoryKeyring):
    """Says that it keeps a password, and doesn't."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return None


class WaitingKeyring(MemoryKeyring):
    """Waits for a password that nobody types, until it is released; has_answered: nobody waits any more."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.has_answered = False

    def get_password(self, service: str, username: str) -> str | None:
        self.released.wait(30)
        self.has_answered = True
        return super().get_password(service, username)

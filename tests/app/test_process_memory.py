import ctypes
import struct
import subprocess
import sys
from typing import Any

import pytest

from app.process_memory import limit_memory

_LIMIT_BYTES = 300 * 2**20


class Kernel:
    """Windows' own, as far as a job needs it."""

    class Returning:
        def __init__(self, value: int) -> None:
            self.value, self.restype = value, None

        def __call__(self, *_arguments: object) -> int:
            return self.value

    def __init__(self) -> None:
        self.limits = b""
        self.members: list[tuple[int | None, int | None]] = []
        self.CreateJobObjectW = self.Returning(2**40 + 1)
        self.GetCurrentProcess = self.Returning(2**64 - 1)

    def SetInformationJobObject(self, _job: object, kind: int, limits: Any, size: int) -> bool:  # noqa: ANN401, N802
        assert kind == 9
        self.limits = ctypes.string_at(limits, size)
        return True

    def AssignProcessToJobObject(self, job: ctypes.c_void_p, process: ctypes.c_void_p) -> bool:  # noqa: N802
        self.members.append((job.value, process.value))
        return True


def test_windows_is_asked_for_a_job_with_that_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", lambda _name: kernel, raising=False)
    limit_memory(_LIMIT_BYTES)
    assert kernel.members == [(2**40 + 1, 2**64 - 1)], "handles are as wide as pointers"
    assert len(kernel.limits) == 144
    assert struct.unpack_from("<I", kernel.limits, 16)[0] == 0x100, "where winnt.h has LimitFlags"
    assert struct.unpack_from("<Q", kernel.limits, 112)[0] == _LIMIT_BYTES, "and ProcessMemoryLimit"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not hold to it")
def test_more_is_not_to_be_had() -> None:
    code = f"from app.process_memory import limit_memory; limit_memory({_LIMIT_BYTES}); bytearray(400 << 20)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MemoryError" in done.stderr

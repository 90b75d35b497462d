"""Hearth starts again with the command it was started with."""

import os
import subprocess
import sys

import pytest

from app import restarting


@pytest.mark.parametrize(("system", "module", "name"), [("linux", os, "execv"), ("win32", subprocess, "Popen")])
def test_it_starts_with_the_same_command(
    monkeypatch: pytest.MonkeyPatch, system: str, module: object, name: str
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(module, name, lambda *given: started.append(given[-1]))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "app"])
    restarting.start_again()
    assert started == [[sys.executable, "-m", "app"]]

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.worker import engine_link, open_commands
from app.worker.engine_link import EngineLink
from tests.engine_scripts import Script
from tests.link_probe import PATIENCE_SECONDS, LinkProbe
from tests.scripted_engine import scripted_engine_command


@pytest.fixture
def patient_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not stop or end at once is waited for until the probe gives up: it may only be held up."""
    for module, name in (
        (engine_link, "SHUTDOWN_SECONDS"),
        (open_commands, "CANCEL_SECONDS"),
        (open_commands, "KILL_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 2 * PATIENCE_SECONDS)


@pytest.fixture
def start_link(tmp_path: Path) -> Iterator[Callable[..., LinkProbe]]:
    probes: list[LinkProbe] = []

    def start(
        script: str | Script = "answer",
        once: bool = False,
        before: Callable[[EngineLink], object] = lambda link: None,
    ) -> LinkProbe:
        argv = scripted_engine_command(script, tmp_path / "once" if once else None)
        probes.append(LinkProbe(argv, tmp_path / "engine.log", before))
        return probes[-1]

    yield start
    for probe in probes:
        probe.stop()

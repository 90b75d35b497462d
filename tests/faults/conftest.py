from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine_scripts import Script
from tests.link_probe import LinkProbe
from tests.scripted_engine import scripted_engine_command


@pytest.fixture
def start_link(tmp_path: Path) -> Iterator[Callable[..., LinkProbe]]:
    probes: list[LinkProbe] = []

    def start(script: str | Script = "answer", once: bool = False) -> LinkProbe:
        argv = scripted_engine_command(script, tmp_path / "once" if once else None)
        probes.append(LinkProbe(argv, tmp_path / "engine.log"))
        return probes[-1]

    yield start
    for probe in probes:
        probe.stop()

"""Plans that leave modules in main memory; on computers without a card the processor takes the card's part."""

from pathlib import Path

import msgspec
import pytest

from engine.api.cancellation import CancellationToken
from engine.api.plan import OFFLOADED, Plan, PrecisionChoice
from engine.checkpoints import loader
from engine.checkpoints.inspection import facts_for, inspect
from engine.checkpoints.loader import LoadedModel
from engine.planning.facts import Block
from engine.planning.placement import Aside
from engine.quantization.published.environment import this_environment


def blocks_of(path: Path, data: Path) -> tuple[Block, ...]:
    inspection = inspect(str(path), data, CancellationToken(), lambda *_: None)
    return facts_for(inspection, this_environment("cpu", (0, 0), ())).blocks


def load(path: Path, data: Path, choice: PrecisionChoice, device: str = "cpu") -> LoadedModel:
    return loader.load(str(path), choice, 512, device, data, CancellationToken(), lambda *_: None)


def load_spread(
    path: Path,
    data: Path,
    choice: PrecisionChoice,
    monkeypatch: pytest.MonkeyPatch,
    aside: Aside = Aside.LAYERS,
    device: str = "cpu:0",
) -> LoadedModel:
    """Load with all tables in main memory, and all layers or experts if wanted, as if the processor were a card."""
    places: dict[str, str] = {}
    for block in blocks_of(path, data):
        waits = block.is_table or (aside is Aside.LAYERS and block.memory is not None)
        places[block.name] = OFFLOADED if waits else device
        places.update(dict.fromkeys(block.expert_modules if aside is Aside.EXPERTS else (), OFFLOADED))
    places.pop("", None)
    planned = loader.plan_with_draft

    def plan_spread(*arguments: object) -> tuple[Plan, Plan | None]:
        found, draft = planned(*arguments)  # type: ignore[arg-type]
        return msgspec.structs.replace(found, device_map=places), draft

    with monkeypatch.context() as patch:
        patch.setattr(loader, "plan_with_draft", plan_spread)
        return load(path, data, choice, device.removesuffix(":0"))

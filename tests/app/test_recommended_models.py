"""Tests for the list of models that comes with Hearth: well-formed, true to the known shapes, and made to fit."""

import re
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from app.recommendations import SENTENCES, ranked, read_candidates
from engine.api.hardware import Hardware
from engine.api.plan import Fit, Plan
from engine.checkpoints.known_shapes import named
from engine.planning.ladder import Wishes
from engine.planning.precision import plan
from engine.planning.shapes import shape_of
from engine.planning.sizes import GIB
from tests.plan_table import facts_for, machine_with

FILE = Path(__file__).parents[2] / "assets" / "models" / "recommended.json"
CLASSES = ["ram-8", "ram-16", "ram-32", *(f"vram-{size}" for size in (4, 6, 8, 12, 16, 24, 32, 48, 80))]
CONTEXT_TOKENS = 8192
FREE_SHARE = 0.75


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hub_id: str
    title: str
    words: str
    download_bytes: int
    parameters: int
    license: Literal["apache-2.0", "mit"]
    context_tokens: int
    released: str
    gated: Literal[False]
    suits: tuple[str, ...]


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    date: str
    models: tuple[Entry, ...]


LISTED = msgspec.json.decode(FILE.read_bytes(), type=Listed)


def machine(name: str) -> Hardware:
    kind, _, size = name.partition("-")
    if kind == "vram":
        return machine_with(int(size))
    free = int(int(size) * GIB * FREE_SHARE)
    return msgspec.structs.replace(
        machine_with(8), gpus=(), ram_total_bytes=int(size) * GIB, ram_available_bytes=free,
        quantization_kernels=("cpu int8", "cpu nf4"),
    )  # fmt: skip


@cache
def planned(hub_id: str, name: str) -> Plan:
    return plan(machine(name), facts_for(named(hub_id)), Wishes(CONTEXT_TOKENS))


def test_the_app_can_read_it() -> None:
    assert [candidate.hub_id for candidate in read_candidates(FILE)] == [entry.hub_id for entry in LISTED.models]


def test_it_is_dated_and_explained() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", LISTED.date)
    assert all(f"{name}:" in LISTED.about for name in Entry.__struct_fields__)


@pytest.mark.parametrize("entry", LISTED.models, ids=lambda entry: entry.hub_id)
def test_each_entry_agrees_with_its_known_shape(entry: Entry) -> None:
    shape = shape_of(named(entry.hub_id))
    assert shape.hub_id == entry.hub_id
    assert entry.parameters == shape.parameters
    assert entry.context_tokens == shape.config["max_position_embeddings"]
    bits = 16 if "quantization_config" not in shape.config else 4.25
    # Tied weights may be published twice, and some weights of a packed model are not packed.
    assert 0.99 < entry.download_bytes / (entry.parameters * bits / 8) < (1.3 if entry.parameters > 10**9 else 1.7)
    assert entry.words.endswith(".")
    assert entry.words.count(".") == 1 + len(re.findall(r"\d\.\d", entry.words))
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", entry.released)
    assert entry.released <= LISTED.date
    assert set(entry.suits) <= set(CLASSES)
    assert entry.suits


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_chosen_for_a_computer_fits_it(name: str) -> None:
    chosen = [entry for entry in LISTED.models if name in entry.suits]
    assert chosen
    for entry in chosen:
        found = planned(entry.hub_id, name)
        assert found.fit is Fit.FITS, f"{entry.hub_id}: {found.fit}"
        assert found.context_window >= CONTEXT_TOKENS


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_suggested_first_was_chosen_for_the_computer_or_is_larger(name: str) -> None:
    plans = {entry.hub_id: planned(entry.hub_id, name) for entry in LISTED.models}
    first = ranked(read_candidates(FILE), plans)[0]
    assert plans[first.hub_id].fit is not Fit.TOO_BIG
    assert first.parameters >= min(entry.parameters for entry in LISTED.models if name in entry.suits)


def test_every_sentence_of_the_list_can_be_translated() -> None:
    assert {entry.words for entry in LISTED.models} == set(SENTENCES)

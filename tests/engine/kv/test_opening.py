"""What was read by another model, or by other libraries, is never taken for this one's."""

from importlib import metadata

import msgspec
import pytest

from engine.api.plan import Precision
from engine.kv.opening import fingerprint_of
from engine.kv.slab import KvSlab
from tests import tiny_checkpoints
from tests.engine_scripts import PLAN

CONFIG = tiny_checkpoints.ARCHITECTURES["llama"]()


def print_of(plan: object = PLAN, source: str = "weights", template: str = "", **config: object) -> str:
    changed = type(CONFIG)(**(CONFIG.to_dict() | config))
    return fingerprint_of(source, plan, changed, template, KvSlab(changed, 64), "sdpa", "slab")


def test_whatever_decides_about_numbers_or_ids_counts() -> None:
    turned = {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}
    other_plans = [
        msgspec.structs.replace(PLAN, **changes)
        for changes in ({"precision": Precision.INT4}, {"quantization": "another"}, {"tokenizer_id": "another"})
    ]
    found = [print_of(plan) for plan in (PLAN, *other_plans)]
    found += [print_of(source="others"), print_of(template="{{ x }}"), print_of(rms_norm_eps=0.1), print_of(**turned)]
    assert len({*found}) == len(found)
    assert print_of() == print_of(msgspec.structs.replace(PLAN, context_window=64, name="renamed"))
    assert not print_of(source="")


@pytest.mark.parametrize("library", ["torch", "transformers", "bitsandbytes"])
def test_versions_of_libraries_count(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, version = print_of(), metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.0.1" if name == library else version(name))
    assert print_of() != before


def test_a_model_in_16_bit_is_kept_without_the_library_that_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    before, version = print_of(), metadata.version

    def without(name: str) -> str:
        if name == "bitsandbytes":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    assert print_of() not in ("", before)

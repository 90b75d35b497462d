"""What one model has of its own: over the application's settings, below the conversation's, and in the file."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.file import load, save
from app.settings.levels import for_model, own_of_model
from app.settings.model_settings import MODEL_KEYS, ModelSettings
from app.settings.model_tables import with_own
from app.settings.schema import Settings, field_of, overlaid, sampling_from
from app.settings.validation import BadValue
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from tests.app.settings.test_file import LENIENT

OWN = ModelSettings(temperature=0.5, precision=PrecisionChoice.INT8, system_prompt="")
BASE = Settings(temperature=0.7, top_k=40, system_prompt="Be kind.", models={"org/model": OWN})


def test_the_application_the_model_and_the_conversation_stand_over_each_other() -> None:
    other, model = (sampling_from(for_model(BASE, reference)) for reference in ("org/other", "org/model"))
    assert other == sampling_from(BASE) == Sampling(temperature=0.7, top_k=40)
    assert model == overlaid(model, None) == Sampling(temperature=0.5, top_k=40)
    assert overlaid(model, Sampling(top_k=1, seed=7)) == Sampling(temperature=0.5, top_k=1, seed=7)
    assert overlaid(model, Sampling(temperature=0.0)).temperature == 0.0


def test_how_a_model_is_loaded_and_its_instructions_are_its_own_too() -> None:
    ours = for_model(BASE, "org/model")
    assert (ours.precision, ours.system_prompt) == (PrecisionChoice.INT8, "")
    assert for_model(BASE, "org/other") is BASE
    assert own_of_model(BASE, "org/other") == ModelSettings()


def test_every_own_value_is_a_setting_of_the_same_name() -> None:
    for key in MODEL_KEYS:
        assert field_of(key).key == key
        assert getattr(ModelSettings(), key) is None


def test_values_are_checked_as_the_settings_are() -> None:
    assert with_own(OWN, "temperature", None) == msgspec.structs.replace(OWN, temperature=None)
    assert with_own(ModelSettings(), "precision", "int4").precision is PrecisionChoice.INT4
    for key, value in (("temperature", 99.0), ("precision", "int3"), ("context_tokens", 1)):
        with pytest.raises(BadValue):
            with_own(OWN, key, value)
    with pytest.raises(KeyError):
        with_own(OWN, "theme", "dark")


def test_they_are_kept_with_what_another_version_put_there(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    lying = {"org/model": {"from_the_future": 1, "seed": 3}, "org/new": {"later": []}, "org/old": {"seed": 1}}
    path.write_text(json.dumps({"models": lying}))
    settings, warnings = load(path)
    assert warnings == []
    assert settings.models == {"org/model": ModelSettings(seed=3), "org/old": ModelSettings(seed=1)}
    save(path, msgspec.structs.replace(settings, models={"org/model": OWN}))
    assert json.loads(path.read_text())["models"] == {
        "org/model": {"from_the_future": 1, "temperature": 0.5, "precision": "int8", "system_prompt": ""},
        "org/new": {"later": []},
    }
    assert load(path)[0].models == {"org/model": OWN}


def test_a_bad_value_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"models": {"a": {"temperature": 99, "seed": 1}, "b": 7, "c": {"seed": "x"}}, "seed": 2}')
    settings, warnings = load(path)
    assert (settings.models, settings.seed) == ({"a": ModelSettings(seed=1)}, 2)
    assert len(warnings) == 3
    assert warnings[0].startswith("In the settings for a, Temperature: 99 can't be used here.")
    path.write_text('{"models": []}')
    settings, warnings = load(path)
    assert settings == Settings()
    assert len(warnings) == 1


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
TABLES = st.dictionaries(st.text(), VALUES | st.dictionaries(st.sampled_from([*MODEL_KEYS, "other"]), VALUES))


@given(TABLES)
@LENIENT
def test_any_table_at_all_gives_settings_that_can_be_saved(tmp_path: Path, tables: object) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(json.dumps({"models": tables}).encode())
    settings, _ = load(path)
    save(path, settings)
    assert load(path) == (settings, [])

"""Shapes of well-known public models: the numbers of their config.json, one JSON file for each.

They let a plan be made for a model that is not on this computer. Nothing here reads the network or builds a model.
"""

from functools import cache
from importlib.resources import files

import msgspec


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public model: what it is called, where it is published, how many values it has and how it is built.

    parameters counts each value of the model once: weights that are published twice (tied ones) count once, and
    layers that are published for drafting only (DeepSeek V3, Qwen3-Next) do not count. exact says that it is the
    published number to the last digit; otherwise that was rounded, and is right within half a percent.
    config holds the keys of the published config.json that decide shape, memory and stored numbers.
    """

    title: str
    hub_id: str
    parameters: int
    exact: bool
    config: dict[str, object]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all known shapes, in alphabetical order."""
    return tuple(
        sorted(entry.name.removesuffix(".json") for entry in files(__name__).iterdir() if entry.name.endswith(".json"))
    )


def shape_of(name: str) -> Shape:
    """Return the shape of that name, in values of the caller's own. Raises KeyError for a name not in names()."""
    if name not in names():
        raise KeyError(name)
    return msgspec.json.decode(files(__name__).joinpath(f"{name}.json").read_bytes(), type=Shape)


def config_of(name: str) -> dict[str, object]:
    """Return the config of that name as config.json holds it. Raises KeyError for a name not in names()."""
    return shape_of(name).config

"""Hypothesis strategies for every message of the protocol, read off the types themselves."""

import types
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def values(of: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 an annotation can be anything
    """Return a strategy for all values that an annotation of the api allows."""
    origin, arguments = get_origin(of), get_args(of)
    if origin is Annotated:
        return _bounded(arguments[0], arguments[1])
    if origin in (Union, types.UnionType):
        return st.one_of([values(argument) for argument in arguments])
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*[values(argument) for argument in arguments])
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        hints = get_type_hints(of, include_extras=True)
        return st.builds(of, **{name: values(hints[name]) for name in of.__struct_fields__})
    if isinstance(of, type) and issubclass(of, Enum):
        return st.sampled_from(list(of))
    plain = {
        str: TEXT,
        int: st.integers(-(2**63), 2**64 - 1),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        type(None): st.none(),
    }
    return plain[of]


def _bounded(of: type, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    if of is int:
        return st.integers(meta.ge, meta.le if meta.le is not None else 2**63 - 1)
    return st.floats(meta.ge if meta.ge is not None else meta.gt, meta.le, exclude_min=meta.gt is not None)

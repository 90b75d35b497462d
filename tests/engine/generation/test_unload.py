"""What was made for a model goes with it, also while somebody still holds the model."""

import weakref
from pathlib import Path

from engine.checkpoints import loader
from engine.kv.slab_layers import SlabLayer
from tests import tiny_checkpoints
from tests.chat_probe import ask, load_session, user


def test_the_kv_is_freed_before_the_next_model_is_planned(tiny_folder: Path) -> None:
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    ask(session, [user("Hello")], maximum_tokens=4)
    buffers = [weakref.ref(layer.keys) for layer in session._runner.kv.cache.layers if isinstance(layer, SlabLayer)]
    decode = weakref.ref(session._runner.decode)
    assert buffers
    loaded = session.loaded
    session.close(1)
    del session
    loader.free(loaded)
    assert [buffer() for buffer in buffers] == [None] * len(buffers)
    assert decode() is None

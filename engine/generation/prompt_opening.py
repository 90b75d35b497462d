"""What a loaded checkpoint says about prompts: the template with its tokenizer, and the ids that end an answer."""

import contextlib
from collections.abc import Mapping

from engine.checkpoints.loader import LoadedModel
from engine.generation.chat_template import ChatTemplate
from engine.generation.prompt import PromptBuilder


def prompts_of(loaded: LoadedModel) -> PromptBuilder:
    """Return what builds prompts for a model. Raises EngineError where its template can't be used at all."""
    template = ChatTemplate(loaded.tokenizer.get_chat_template(), _special_tokens(loaded))
    return PromptBuilder(loaded.tokenizer, template, loaded.plan.tokenizer_id, _words(loaded))


def end_ids(loaded: LoadedModel) -> frozenset[int]:
    """Return every id that the publisher names as an end: generation config, config, tokenizer."""
    found: set[int] = set()
    for source in (loaded.model.generation_config, loaded.model.config, loaded.tokenizer):
        value = getattr(source, "eos_token_id", None)
        found.update([value] if isinstance(value, int) else value or [])
    return frozenset(found)


def _special_tokens(loaded: LoadedModel) -> dict[str, str]:
    named: Mapping[str, object] = loaded.tokenizer.special_tokens_map
    return {name: str(token) for name, token in named.items() if isinstance(token, str)}


def _words(loaded: LoadedModel) -> int:
    """Return how many ids the model has a row for: tokenizers may know more."""
    vocabulary = int(loaded.model.config.get_text_config().vocab_size)
    with contextlib.suppress(NotImplementedError):  # transformers' word for "nobody has said where it is"
        return int(getattr(loaded.model.get_input_embeddings(), "num_embeddings", vocabulary))
    return vocabulary

"""What the Hub tells of a model -> the one value that the app shows of it. Pure; every field may be absent or odd."""

from collections.abc import Mapping

from huggingface_hub.errors import HFValidationError

from engine.api.hub import Gating, HubCheckpoint, HubFile
from engine.hub.answers import count, items, mapping, seconds, text, texts
from engine.hub.fitness import top_names, unusable
from engine.hub.packing import packed_bits, packing_words
from engine.hub.parameters import parameters_of, weight_bytes_of
from engine.hub.selection import select
from engine.hub.session import repository_path

_CONTEXT_KEYS = (
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "n_ctx",
    "model_max_length", "max_seq_length",
)  # fmt: skip
_MOST_CONTEXT = 2**31
_TEMPLATE_FILES = frozenset({"chat_template.jinja", "chat_template.json"})


def described(item: Mapping[str, object], config: Mapping[str, object] | None = None) -> HubCheckpoint | None:
    """Return what is known of a model, None if the answer names none. config: its config.json, None if not read."""
    hub_id = hub_id_of(item)
    if not hub_id:
        return None
    repeated = mapping(item, "config")
    known = config if config is not None else repeated
    tags = texts(item.get("tags"))
    files, names = wanted_files(item), top_names(item)
    sizes = sum(file.size_bytes for file in files if file.path.endswith(".safetensors"))
    bits = packed_bits(known, tags) or packed_bits(repeated, tags)
    parameters = parameters_of(item, bits, sizes, hub_id)
    has_sizes = sizes > 0
    weights_here = names is None or any(name.endswith(".safetensors") for name in names)
    download = sum(file.size_bytes for file in files) if has_sizes else weight_bytes_of(item, bits, parameters)
    return HubCheckpoint(
        hub_id=hub_id,
        revision=text(item, "sha"),
        architecture=text(known, "model_type") or text(repeated, "model_type"),
        parameters=parameters,
        download_bytes=download if weights_here else 0,
        context_tokens=context_of(known),
        has_chat_template=_has_chat_template(repeated, names),
        quantization=packing_words(known, tags) or packing_words(repeated, tags),
        license=_license(item, tags),
        gating=_gating(item.get("gated")),
        is_private=item.get("private") is True,
        downloads=count(item, "downloads"),
        likes=count(item, "likes"),
        updated_at=seconds(item, "lastModified") or seconds(item, "createdAt"),
        unusable=unusable(item, names, known, is_whole=config is not None),
    )


def hub_id_of(item: Mapping[str, object]) -> str:
    """Return the id that an answer is about, empty if it is none that can be asked for."""
    found = text(item, "id", "modelId")
    try:
        repository_path(found)
    except HFValidationError:
        return ""
    return found


def wanted_files(item: Mapping[str, object]) -> tuple[HubFile, ...]:
    """Return the files that a download would fetch, with their sizes where the Hub tells them."""
    entries = [mapping(each) for each in items(item.get("siblings"))]
    chosen = select([text(entry, "rfilename") for entry in entries])
    return tuple(
        HubFile(path=path, size_bytes=count(entry, "size") or count(mapping(entry, "lfs"), "size"))
        for entry in entries
        if (path := text(entry, "rfilename")) in chosen
    )


def context_of(config: Mapping[str, object]) -> int:
    """Return how many tokens a model was trained for, by its config.json; 0 if that doesn't tell it."""
    for part in (mapping(config, "text_config"), mapping(config, "llm_config"), config):
        found = count(part, *_CONTEXT_KEYS)
        if 0 < found < _MOST_CONTEXT:
            return found
    return 0


def _has_chat_template(repeated: Mapping[str, object], names: list[str] | None) -> bool | None:
    tokenizer = mapping(repeated, "tokenizer_config")
    places = (tokenizer.get("chat_template"), tokenizer.get("chat_templates"), repeated.get("chat_template_jinja"))
    if any(isinstance(place, str | list | dict) and place for place in places):
        return True
    if names is not None and not _TEMPLATE_FILES.isdisjoint(names):
        return True
    return False if tokenizer and names is not None else None


def _license(item: Mapping[str, object], tags: list[str]) -> str:
    card = mapping(item, "cardData") or mapping(item, "card_data")
    told = ", ".join(texts(card.get("license"))[:3])
    if told.casefold() in ("", "other", "unknown"):
        told = text(card, "license_name") or told
    if not told:
        told = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")
    return text({"license": told}, "license")


def _gating(value: object) -> Gating:
    if value == "manual":
        return Gating.APPROVAL
    return Gating.TERMS if value is True or (isinstance(value, str) and value not in ("", "false")) else Gating.OPEN

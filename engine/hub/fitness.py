"""Whether Hearth can use a model of the Hub, as far as its list of files and its configuration tell."""

from collections.abc import Mapping, Sequence

from engine.hub.answers import mapping, text, texts

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
# How the names of classes that write text end; the last one is Nemotron H Omni's.
WRITES_TEXT = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "Omni_Reasoning_V3")
_WEIGHTS = ".safetensors"
_OTHER_PURPOSES = {
    "model_index.json": "It makes pictures, films or sounds, no text.",
    "modules.json": "It turns texts into numbers for searching and writes none.",
    "config_sentence_transformers.json": "It turns texts into numbers for searching and writes none.",
}
_OTHER_TASKS = frozenset({
    "feature-extraction", "sentence-similarity", "fill-mask", "text-classification", "token-classification",
    "automatic-speech-recognition", "text-to-image", "text-to-speech", "image-classification", "object-detection",
    "text-ranking", "zero-shot-classification", "question-answering", "text-to-video",
})  # fmt: skip
_OTHER_PROGRAMS = (".onnx", ".h5", ".msgpack", ".tflite", ".nemo", ".npz", ".xml")


def unusable(
    item: Mapping[str, object], names: Sequence[str] | None, config: Mapping[str, object], *, is_whole: bool
) -> str:
    """Return a sentence why Hearth can't use the model, empty if nothing speaks against it.

    names: the files at the repository's top, None if they are not known. config: config.json if is_whole, else what the
    Hub repeats of it.
    """
    if item.get("disabled") is True:
        return "It was disabled by the Hub."
    tags = texts(item.get("tags"))
    if names is not None and (sentence := _by_files(names)):
        return sentence
    if "auto_map" in config or "custom_code" in tags:
        return "It wants to run its own program code, which Hearth does not allow."
    architectures = texts(config.get("architectures"))
    if architectures and not any(name.endswith(WRITES_TEXT) for name in architectures):
        return f"It does not write text ({architectures[0][:60]})."
    if config.get("is_encoder_decoder") is True:
        return "It turns one text into another and holds no conversation."
    if text(config, "model_type").endswith("_assistant"):
        return "It only proposes words to another model and reads no text by itself."
    task = text(item, "pipeline_tag")
    if not architectures and task in _OTHER_TASKS:
        return f"It is made for something else than chatting ({task})."
    if is_whole and not isinstance(config.get("model_type"), str):
        return "Its configuration does not say what kind of model it is."
    return ""


def _by_files(names: Sequence[str]) -> str:
    meant = [name for name in names if name not in (".gitattributes", "README.md", "LICENSE")]
    if not meant:
        return "It has no files yet."
    for name, sentence in _OTHER_PURPOSES.items():
        if name in meant:
            return sentence
    weights = [name for name in meant if name.endswith(_WEIGHTS)]
    is_adapter = any(name.startswith("adapter_") for name in meant)
    if is_adapter and all(name.startswith("adapter_") for name in weights):
        return "It is an adapter (LoRA) for another model, not a model by itself."
    if not weights:
        return _without_weights([name.casefold() for name in meant])
    if "config.json" not in meant:
        return "Its config.json is missing, so it is not made for transformers."
    if all(name.startswith("consolidated") for name in weights):
        return "Its weights are only there in Mistral's own format (consolidated.safetensors)."
    return ""


def _without_weights(names: Sequence[str]) -> str:
    if any(name.endswith(".gguf") for name in names):
        return "It is only there as GGUF files; Hearth downloads .safetensors files only."
    if any(name.endswith(PICKLES) for name in names):
        return "Its weights are only there in a format that can run code (pickle)."
    if any(name.endswith(_OTHER_PROGRAMS) for name in names):
        return "Its weights are only there for another program."
    return "It has no weights in .safetensors files."


def top_names(item: Mapping[str, object]) -> list[str] | None:
    """Return the names of the files at the repository's top, None if the Hub did not list its files."""
    siblings = item.get("siblings")
    if not isinstance(siblings, list):
        return None
    names = (text(mapping(each), "rfilename") for each in siblings)
    return [name for name in names if name and "/" not in name]

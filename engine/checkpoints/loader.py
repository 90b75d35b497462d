"""Reference -> plan -> model and tokenizer on a device, with progress and cancel; and back to free memory.

Owns the memory of the loaded model until free() is called.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import LoadPhase
from engine.api.plan import Plan, Precision, PrecisionChoice
from engine.checkpoints import starter
from engine.checkpoints.conversion import discard
from engine.checkpoints.device import choose_device, target_of
from engine.checkpoints.files import CheckpointContents, CheckpointFiles, incomplete
from engine.checkpoints.progress import ReportProgress, WeightProgress, watched
from engine.checkpoints.resolve import resolve
from engine.checkpoints.safety import check, unsupported
from engine.checkpoints.tokenizer import load_tokenizer, tokenizer_identity
from engine.planning.memory import layer_memory
from engine.planning.precision import CheckpointFacts, Decision, decide

_DTYPES = {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}
_SHOWN_KEYS = 3
_LONGEST_KIND = 40
# More than tied weights that are published twice, or vision parts that are left out, can explain.
_LARGEST_EXCESS = 2


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to compute, with the decision that led to it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    plan: Plan
    device: torch.device
    dtype: torch.dtype


def load(
    reference: str,
    choice: PrecisionChoice,
    context_tokens: int | None,
    device: str,
    data_folder: Path,
    cancellation: CancellationToken,
    report: ReportProgress,
    make_room: Callable[[], None] = lambda: None,
) -> LoadedModel:
    """Load the checkpoint as planned for the device (`auto`, `cpu`, `cuda`, `cuda:1`, `mps`).

    make_room is called once the checkpoint was found fit to load, before memory is counted: it frees the model
    that is to be replaced, so that a wrong choice costs nothing.
    Raises EngineError (any kind about checkpoints, PRECISION_UNAVAILABLE, OUT_OF_MEMORY, INVALID_COMMAND for a
    device that is not there) and Cancelled. Nothing stays in memory after either.
    """
    started = time.perf_counter()
    cancellation.raise_if_cancelled()
    place = choose_device(device)
    files, contents = _find(reference, data_folder, cancellation, report)
    cancellation.raise_if_cancelled()
    config = _read_config(files, contents)
    tokenizer = load_tokenizer(files)
    cancellation.raise_if_cancelled()
    make_room()
    target = target_of(place)
    decision = decide(target, _facts(files, contents, config), context_tokens, choice)
    cancellation.raise_if_cancelled()
    model = _load_model(
        files, contents, config, decision, place, WeightProgress(_sizes(contents), report, cancellation)
    )
    if files.kind is CheckpointKind.STARTER:
        for name, value in starter.RECOMMENDED_SAMPLING.items():
            setattr(model.generation_config, name, value)
    report(LoadPhase.CHECKING, 1, 1)
    plan = _plan(files, contents, decision, place, target.name, time.perf_counter() - started)
    return LoadedModel(model, tokenizer, plan, place, _DTYPES[decision.precision])


def free(loaded: LoadedModel) -> None:
    """Give the model's memory back; the model can't be used any more."""
    torch.nn.Module.to(loaded.model, "meta")
    _collect()


def _find(
    reference: str, data_folder: Path, cancellation: CancellationToken, report: ReportProgress
) -> tuple[CheckpointFiles, CheckpointContents]:
    files = resolve(reference, data_folder, cancellation, report)
    try:
        return files, check(files)
    except EngineError as error:
        own = files.kind in (CheckpointKind.STARTER, CheckpointKind.GGUF)
        if not own or error.report.kind is not ErrorKind.CHECKPOINT_INCOMPLETE:
            raise
    # Our own copy is damaged: the file that it was made from is still there.
    discard(files.folder)
    files = resolve(reference, data_folder, cancellation, report)
    return files, check(files)


def _collect() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _read_config(files: CheckpointFiles, contents: CheckpointContents) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            str(files.folder), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # unknown model types and odd values raise anything from KeyError to validation errors
        kind = str(contents.config.get("model_type"))[:_LONGEST_KIND]
        raise unsupported(files, f"this version does not know models of the kind “{kind}”", repr(error)) from error
    if type(config) not in AutoModelForCausalLM._model_mapping or config.is_encoder_decoder:
        raise unsupported(files, f"it is no text-generation model ({config.model_type})")
    if getattr(config, "is_decoder", True) is False and hasattr(config, "type_vocab_size"):
        raise unsupported(files, f"it reads text but does not write any ({config.model_type})")
    return config


def _facts(files: CheckpointFiles, contents: CheckpointContents, config: PreTrainedConfig) -> CheckpointFacts:
    text = config.get_text_config(decoder=True)
    maximum = getattr(text, "max_position_embeddings", None)
    try:
        layers = layer_memory(text, element_bytes=1)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise unsupported(
            files, f"the memory of this kind of model ({text.model_type}) can't be planned", repr(error)
        ) from error
    return CheckpointFacts(
        name=files.name,
        parameters=contents.parameters,
        published_dtype=contents.published_dtype,
        published_bytes=contents.weight_bytes,
        layers=layers,
        maximum_context=maximum if isinstance(maximum, int) and maximum > 0 else None,
    )


def _sizes(contents: CheckpointContents) -> dict[str, int]:
    return {name: header.size_bytes for name, header in contents.tensors.items()}


def _load_model(
    files: CheckpointFiles,
    contents: CheckpointContents,
    config: PreTrainedConfig,
    decision: Decision,
    place: torch.device,
    progress: WeightProgress,
) -> PreTrainedModel:
    model: PreTrainedModel | None = None
    failure: EngineError | None = None
    try:
        _refuse_larger_model(files, contents, config)
        with watched(progress.on_step):
            model, loading = cast(
                "tuple[PreTrainedModel, dict[str, object]]",
                AutoModelForCausalLM.from_pretrained(
                    str(files.folder),
                    config=config,
                    dtype=_DTYPES[decision.precision],
                    attn_implementation=_attention_for(config),
                    device_map=None if place.type == "cpu" else {"": place},
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    output_loading_info=True,
                    ignore_mismatched_sizes=True,  # they are listed with their names, and refused below
                ),
            )
        _refuse_random_weights(files, loading)
        progress.finish()
    except torch.OutOfMemoryError as error:
        # The traceback holds the tensors: leave the except block before memory is given back.
        failure = EngineError(
            ErrorKind.OUT_OF_MEMORY,
            f"There was not enough graphics memory to load {files.name}.",
            "Close other programs that use the GPU, or choose a smaller model.",
            str(error),
        )
    except EngineError as error:
        failure = error
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
        failure = unsupported(files, "it could not be built from its files", repr(error))
    except BaseException:
        model = None
        _collect()
        raise
    if failure is not None or model is None:
        model = None
        _collect()
        raise failure or unsupported(files, "it could not be built from its files")
    model.train(False)
    model.requires_grad_(False)
    return model


def _attention_for(config: PreTrainedConfig) -> str:
    found: object = AutoModelForCausalLM._model_mapping[type(config)]
    model_class = found[0] if isinstance(found, tuple | list) else found
    return "sdpa" if getattr(model_class, "_supports_sdpa", False) else "eager"


def _refuse_larger_model(files: CheckpointFiles, contents: CheckpointContents, config: PreTrainedConfig) -> None:
    """Compare with what the files hold before memory is taken for what they lack."""
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, attn_implementation=_attention_for(config)
        )
    described = sum(parameter.numel() for parameter in empty.parameters())
    if described > _LARGEST_EXCESS * contents.parameters:
        what = f"its configuration describes {described:,} values, its files hold {contents.parameters:,}"
        raise incomplete(files, what)


def _refuse_random_weights(files: CheckpointFiles, loading: dict[str, object]) -> None:
    """Transformers fills what is missing with random numbers and only logs it; tied weights are not in the list."""
    missing = sorted(str(key) for key in _listed(loading, "missing_keys"))
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in _listed(loading, "mismatched_keys"))
    bad = missing + mismatched
    if bad:
        shown = ", ".join(bad[:_SHOWN_KEYS]) + (f" and {len(bad) - _SHOWN_KEYS} more" if len(bad) > _SHOWN_KEYS else "")
        raise incomplete(files, f"parts of it are missing or have the wrong size ({shown})", "\n".join(bad))


def _listed(loading: dict[str, object], key: str) -> list[object]:
    value = loading.get(key)
    return list(value) if isinstance(value, list | set | tuple) else []


def _plan(
    files: CheckpointFiles,
    contents: CheckpointContents,
    decision: Decision,
    place: torch.device,
    device_name: str,
    seconds: float,
) -> Plan:
    return Plan(
        checkpoint=files.reference,
        name=files.name,
        revision=files.revision,
        parameters=contents.parameters,
        precision=decision.precision,
        precision_reason=decision.precision_reason,
        device=str(place),
        device_name=device_name,
        context_window=decision.context_window,
        context_reason=decision.context_reason,
        weight_bytes=decision.weight_bytes,
        kv_bytes_per_token=decision.kv_bytes_per_token,
        kv_bytes=decision.kv_bytes,
        tokenizer_id=tokenizer_identity(files.folder),
        load_seconds=seconds,
    )

"""A plan and a checkpoint's files -> the model with its weights, or nothing at all and all memory back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from transformers import PreTrainedConfig, PreTrainedModel

from engine.api.errors import EngineError, ErrorKind, Remedy
from engine.api.plan import OFFLOADED, Plan, Precision
from engine.checkpoints import text_part
from engine.checkpoints.alternatives import lighter
from engine.checkpoints.files import CONFIG_NAME, CheckpointFiles, incomplete
from engine.checkpoints.own_memory import free_rests
from engine.checkpoints.progress import WeightProgress, watched
from engine.checkpoints.safety import check, unreadable, unsupported
from engine.checkpoints.skeleton import attention_for, auto_class_for, class_for
from engine.hardware.faults import Fault, device_lost, device_unfit, fault_of, free_bytes, is_main_memory, release
from engine.planning.ladder import PACKED
from engine.planning.sizes import in_gib
from engine.quantization import reading_class
from engine.quantization.published.config import PublishedQuantization
from engine.quantization.published.elements import lost_scales
from engine.quantization.published.load_options import LoadOptions

DTYPES = {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}
_SHOWN_KEYS = 3
# What transformers raises about weights and configurations that don't fit together.
_UNBUILDABLE = (
    OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError, MemoryError, AssertionError
)  # fmt: skip


@dataclass(frozen=True)
class Blueprint:
    """What to build: files that were found fit, their configuration, how they are to be loaded.

    options: for checkpoints that their publisher quantised and transformers loads. unpacks: how the weights were
    published that Hearth unpacks as it reads them. is_copy: the folder holds weights that Hearth has packed
    as the plan says, so nothing is packed again. is_text_part: the files hold other parts beside it, to be left out.
    """

    files: CheckpointFiles
    folder: Path
    config: PreTrainedConfig
    plan: Plan
    device: torch.device
    options: LoadOptions | None = None
    unpacks: PublishedQuantization | None = None
    is_copy: bool = False
    is_text_part: bool = False

    @property
    def places(self) -> dict[str, torch.device | str]:
        """Return where modules are kept, "" standing for the rest, if a card and main memory share the model."""
        waiting = {**self.plan.device_map, **dict.fromkeys(self.plan.other_parts, OFFLOADED)}
        return {"": self.device, **waiting} if OFFLOADED in waiting.values() else {}

    @property
    def packs(self) -> bool:
        """Whether weights are packed while they are read."""
        return self.plan.precision in PACKED and self.options is None and not self.is_copy

    @property
    def packed(self) -> bool:
        """Whether the model comes out with weights that Hearth has packed."""
        return self.plan.precision in PACKED and self.options is None


def build(blueprint: Blueprint, progress: WeightProgress) -> PreTrainedModel:
    """Return the model, ready to compute but for quantizers.finish.

    Memory that runs out while it should have been enough (another program took it for a moment) is tried once more.
    Raises EngineError (CHECKPOINT_INCOMPLETE, CHECKPOINT_UNSUPPORTED, OUT_OF_MEMORY, DEVICE_LOST) and Cancelled;
    nothing stays in memory then.
    """
    outcome = _attempt(blueprint, progress)
    if isinstance(outcome, EngineError) and outcome.report.kind is ErrorKind.OUT_OF_MEMORY and _should_fit(blueprint):
        outcome = _attempt(blueprint, progress)
    if isinstance(outcome, EngineError):
        raise outcome
    outcome.train(False)
    outcome.requires_grad_(False)
    return outcome


def _attempt(blueprint: Blueprint, progress: WeightProgress) -> PreTrainedModel | EngineError:
    model: PreTrainedModel | None = None
    try:
        with watched(progress.on_step):
            model, loading = _from_pretrained(blueprint)
        refuse_random_weights(blueprint.files, model, loading)
        if blueprint.options is not None:
            from engine.quantization.published.repair import settle

            settle(model, DTYPES[blueprint.plan.compute])
        free_rests(model)
        progress.finish()
        return model
    except EngineError as error:
        failure = error
    except SafetensorError as error:
        failure = incomplete(blueprint.files, "its weights were damaged while they were read", str(error))
    except _UNBUILDABLE as error:
        failure = explained(blueprint, error)
    except BaseException:
        model = None
        release()
        raise
    # Only here, after the except block, does no traceback hold the tensors any more (pytorch#18853).
    model = None
    if failure.report.kind is not ErrorKind.DEVICE_LOST:  # nothing on a lost device can be touched
        release()
    return failure


def _from_pretrained(blueprint: Blueprint) -> tuple[PreTrainedModel, dict[str, object]]:
    plan, config = blueprint.plan, blueprint.config
    if blueprint.options is not None:
        config.quantization_config = dict(blueprint.options.quantization_config)
    wanted: dict[str, object] = {}
    if blueprint.packed:
        # Imported here: it takes seconds, and where bitsandbytes is broken everything else still works.
        from engine.quantization import quantizers

        quantizers.register()
    if blueprint.packs:
        wanted["quantization_config"] = quantizers.quantization_config_for(plan.precision, DTYPES[plan.compute])
    if blueprint.is_text_part:
        wanted["key_mapping"] = dict(text_part.KEY_MAPPING)
    loads: Callable[..., object] = auto_class_for(config).from_pretrained
    model_class = class_for(config)
    if blueprint.is_copy and model_class.config_class is type(config):
        from engine.quantization import copy_reading

        loads = partial(copy_reading.from_copy, model_class)
    elif blueprint.unpacks is not None and not blueprint.is_copy:
        from engine.quantization.published import reading

        config = reading.plain_config(config, model_class)
        loads = partial(reading.from_published, model_class, blueprint.unpacks)
    elif blueprint.places:
        config = config if model_class.config_class is type(config) else config.get_text_config()
        loads = partial(reading_class.load, model_class, None)
    if blueprint.places:
        wanted["places"] = blueprint.places
    return cast(
        "tuple[PreTrainedModel, dict[str, object]]",
        loads(
            str(blueprint.folder),
            config=config,
            dtype=DTYPES[plan.compute],
            attn_implementation=attention_for(config),
            device_map=_device_map(blueprint),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are listed with their names, and refused below
            **wanted,
        ),
    )


def _device_map(blueprint: Blueprint) -> dict[str, object] | None:
    if blueprint.places:
        return {"": blueprint.device}
    if blueprint.plan.device_map:
        return {name: device for name, device in blueprint.plan.device_map.items() if name}
    plain = blueprint.device.type == "cpu" and not blueprint.packed and blueprint.options is None
    return None if plain else {"": blueprint.device}


def _should_fit(blueprint: Blueprint) -> bool:
    parts = blueprint.plan.parts
    return free_bytes(blueprint.device) > parts.needed_bytes - parts.overhead_bytes


def _has_gone(blueprint: Blueprint) -> bool:
    """Return whether files that were found fit have been taken away or changed since."""
    try:
        check(blueprint.files)
    except EngineError:
        return True
    return not (blueprint.folder / CONFIG_NAME).exists()


def explained(blueprint: Blueprint, error: Exception) -> EngineError:
    """Return what to tell when the library raised the error while the model was made."""
    match fault_of(error):
        case Fault.OUT_OF_MEMORY:
            return _out_of_memory(blueprint, error)
        case Fault.DEVICE_LOST:
            return device_lost(error)
        case Fault.DEVICE_UNFIT:
            return device_unfit(error)
    # transformers' own complaints are OSErrors too, but without a number of the system's.
    failed = isinstance(error, OSError) and error.errno is not None
    if failed or _has_gone(blueprint):
        return unreadable(blueprint.files, repr(error))
    return unsupported(blueprint.files, "it could not be built from its files", repr(error))


def _out_of_memory(blueprint: Blueprint, error: Exception) -> EngineError:
    plan = blueprint.plan
    in_main = is_main_memory(error)
    if in_main and blueprint.places:
        waiting = in_gib(plan.parts.offloaded_bytes)
        told = f"There was not enough main memory to load {plan.name}: {waiting} GiB of it were to wait there."
    else:
        memory = "main memory" if in_main or blueprint.device.type == "cpu" else "graphics memory"
        told = (
            f"There was not enough {memory} to load {plan.name}: {in_gib(plan.parts.needed_bytes)} GiB were planned of"
            f" {in_gib(plan.parts.free_bytes)} GiB free on {plan.device_name}."
        )
    return EngineError(
        ErrorKind.OUT_OF_MEMORY,
        told,
        "Close other programs, load it with a lower precision, or choose a smaller model.",
        str(error),
        remedies=_remedies(blueprint),
    )


def _remedies(blueprint: Blueprint) -> tuple[Remedy, ...]:
    """Return the ways out that need less; the loader leaves out those that lead nowhere on this computer."""
    lower = lighter(blueprint.plan.precision) if blueprint.options is None else ()
    return lower if blueprint.device.type == "cpu" else (*lower, Remedy("Use the CPU", device="cpu"))


def refuse_random_weights(files: CheckpointFiles, model: PreTrainedModel, loading: dict[str, object]) -> None:
    """Raise EngineError(CHECKPOINT_INCOMPLETE) for what transformers lists as missing or of the wrong size.

    It fills that with random numbers and only logs it; tied weights are not in the list. Where all is missing the files
    are whole, but of another class than the one that their configuration stands for here (CHECKPOINT_UNSUPPORTED).
    """
    missing = sorted(str(key) for key in _listed(loading, "missing_keys"))
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in _listed(loading, "mismatched_keys"))
    if missing and {name for name, _ in model.named_parameters()} <= {*missing}:
        raise unsupported(files, "none of its weights has a name that this version knows", "\n".join(missing))
    bad = missing + mismatched + lost_scales(str(key) for key in _listed(loading, "unexpected_keys"))
    if bad:
        shown = ", ".join(bad[:_SHOWN_KEYS]) + (f" and {len(bad) - _SHOWN_KEYS} more" if len(bad) > _SHOWN_KEYS else "")
        raise incomplete(files, f"parts of it are missing or have the wrong size ({shown})", "\n".join(bad))


def _listed(loading: dict[str, object], key: str) -> list[object]:
    value = loading.get(key)
    return list(value) if isinstance(value, list | set | tuple) else []

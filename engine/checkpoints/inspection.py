"""Everything that is known of a checkpoint on this computer before its weights are read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig, PreTrainedModel

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints import text_part
from engine.checkpoints.conversion import discard
from engine.checkpoints.files import CONFIG_NAME, CheckpointContents, CheckpointFiles, incomplete
from engine.checkpoints.progress import ReportProgress
from engine.checkpoints.resolve import resolve
from engine.checkpoints.safety import check, unbuildable, unsupported
from engine.checkpoints.skeleton import Source, auto_class_for, facts_of, skeleton_of
from engine.planning.facts import CheckpointFacts, Published
from engine.quantization.published.config import PublishedQuantization, elements_of, read
from engine.quantization.published.environment import Environment, requirement, unpacks, unpacks_here
from engine.quantization.published.load_options import load_options

_LONGEST_KIND = 40
# More than tied weights that are published twice, or vision parts that are left out, can explain.
_LARGEST_EXCESS = 2


@dataclass(frozen=True)
class Inspection:
    """A checkpoint that was found fit to load, as far as its files tell; published is None if it is not quantised.

    is_text_part: configuration and contents are those of its text part, and its other parts are left out.
    """

    files: CheckpointFiles
    contents: CheckpointContents
    config: PreTrainedConfig
    published: PublishedQuantization | None
    is_text_part: bool = False

    @property
    def left_out(self) -> str:
        """The sentence about parts that aren't loaded, empty if there are none."""
        return text_part.NOTE if self.is_text_part else ""


def inspect(reference: str, data_folder: Path, cancellation: CancellationToken, report: ReportProgress) -> Inspection:
    """Find the checkpoint and refuse what can't or mustn't be loaded. A GGUF file is converted the first time.

    Raises EngineError (any kind about checkpoints) and Cancelled.
    """
    files, contents = _find(reference, data_folder, cancellation, report)
    cancellation.raise_if_cancelled()
    return inspection_of(files, contents)


def inspection_of(files: CheckpointFiles, contents: CheckpointContents, folder: Path | None = None) -> Inspection:
    """Return what transformers makes of files that were found fit; folder: where config.json lies if not with them.

    Raises EngineError(CHECKPOINT_UNSUPPORTED).
    """
    published = read(contents.config, files.name)
    config = read_config(replace(files, folder=folder or files.folder), contents.config)
    # A publisher's quantisation names the layers that it spares by their place in the whole.
    text = text_part.alone(config, contents) if published is None else None
    if text is None:
        return Inspection(files, contents, config, published)
    config, contents = text
    return Inspection(files, contents, config, None, is_text_part=True)


def facts_for(inspection: Inspection, environment: Environment) -> CheckpointFacts:
    """Return what the planner needs to know when the checkpoint goes to a device of the environment.

    Raises EngineError(CHECKPOINT_INCOMPLETE) if the configuration describes far more than the files hold.
    """
    contents, published = inspection.contents, inspection.published
    stored = sum(elements_of(published, header.shape, header.dtype, name) for name, header in contents.tensors.items())
    skeleton = _skeleton(inspection)
    described = sum(parameter.numel() for parameter in skeleton.parameters())
    if described > _LARGEST_EXCESS * stored:
        what = f"its configuration describes {described:,} values, its files hold {stored:,}"
        raise incomplete(inspection.files, what)
    sizes = {name: header.size_bytes for name, header in contents.tensors.items()}
    source = Source(contents.published_dtype, contents.weight_bytes, sizes)
    packed = published_facts(published, environment)
    facts = facts_of(inspection.files, inspection.config, skeleton, source, packed)
    return replace(facts, left_out=inspection.left_out)


def published_facts(published: PublishedQuantization | None, environment: Environment) -> Published | None:
    """Return how the planner has to see a checkpoint that its publisher quantised."""
    if published is None:
        return None
    if unpacks_here(published, environment):
        return Published(published.precision, published.label, unpacked=True, packs_again=True)
    options = load_options(published, environment)
    processor = replace(environment, device="cpu", compute_capability=(0, 0))
    # Layers that compute in one format only are made for a card.
    can_stay = not options.dtype and not unpacks(published, processor) and not requirement(published, processor)
    waits = options.keeps_mxfp4 or published.kind.startswith("bitsandbytes")  # plain tensors, which can come and go
    return Published(published.precision, published.label, options.unpacks, options.dtype, can_stay, waits=waits)


def read_config(files: CheckpointFiles, content: Mapping[str, object]) -> PreTrainedConfig:
    """Return transformers' configuration of a text-generation model. Raises EngineError(CHECKPOINT_UNSUPPORTED)."""
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            str(files.folder), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # unknown model types and odd values raise anything from KeyError to validation errors
        kind = str(content.get("model_type"))
        why = f"this version does not know models of the kind “{kind[:_LONGEST_KIND]}”"
        if kind in CONFIG_MAPPING:
            why = f"{CONFIG_NAME} describes it in a way that this version cannot read"
        raise unsupported(files, why, repr(error)) from error
    if auto_class_for(config) is None:
        raise unsupported(files, f"it is no text-generation model ({config.model_type})")
    if getattr(config, "is_decoder", True) is False and hasattr(config, "type_vocab_size"):
        raise unsupported(files, f"it reads text but does not write any ({config.model_type})")
    if getattr(config, "rescale_prenorm_residual", False):
        # WORKAROUND transformers 5.23: it divides weights of Mamba that it has just read, or fails if they are packed.
        config.rescale_prenorm_residual = False  # says how to begin a training, and nothing else
    return config


def _skeleton(inspection: Inspection) -> PreTrainedModel:
    try:
        return skeleton_of(inspection.config)
    except Exception as error:  # with odd values the architectures divide by zero, assert and index as they like
        raise unbuildable(inspection.files, "it could not be built from its files", error) from error


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

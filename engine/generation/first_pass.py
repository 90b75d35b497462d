"""The first pass through a model that has just been loaded: where its own code fails here, that is told as such."""

import logging
import traceback
from collections.abc import Callable

import torch

from engine.api.errors import EngineError, ErrorKind, Remedy
from engine.api.plan import Plan, Precision, PrecisionChoice
from engine.hardware.faults import fault_of
from engine.planning.ladder import PACKED
from engine.planning.words import LABELS

_log = logging.getLogger(__name__)
_IN_32_BIT = Remedy("Load in FP32", PrecisionChoice.FP32)
_IN_16_BIT = Remedy("Load in BF16", PrecisionChoice.BF16)


class Unfit(Exception):
    """What a model does in its first passes shows that nobody can chat with it."""


class FirstPassFailed(Unfit):
    """The model's code failed over a few ids, with nothing kept. Says how; holds nothing of the library's error."""


class ReadsBothWays(Unfit):
    """What the model says after some words depends on words behind them, so that it can't be asked word by word."""


class ComputesNoNumbers(Unfit):
    """What the model answers to a few ids holds something that is no number, or an endless one."""


class TellsNoWords(Unfit):
    """To the model every word is as likely as any other, whatever stands before it."""


def first_pass(work: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Return the logits (ids, vocabulary) of work, a pass through the model as it was published.

    Raises FirstPassFailed and TellsNoWords; what the machine is at fault for gets through.
    """
    try:
        logits = work()
        if torch.equal(logits.amax(-1), logits.amin(-1)):
            raise TellsNoWords
        return logits
    except TellsNoWords:
        raise
    except Exception as error:  # a publisher's program may raise anything
        if fault_of(error) is not None:
            raise
        said = "".join(traceback.format_exception(error))
    # Only here, after the except block, does no traceback hold the tensors any more (pytorch#18853).
    _log.error("the first pass through the model failed:\n%s", said)
    raise FirstPassFailed(said)


def unfit(failure: Unfit, plan: Plan, is_published_packed: bool) -> EngineError:
    """Return what to tell. is_published_packed: the files hold quantised weights, computed with in no other way."""
    match failure:
        case FirstPassFailed():
            return unusable(failure, plan, is_published_packed)
        case ReadsBothWays():
            return not_causal(plan)
        case TellsNoWords():
            return empty(plan)
    return damaged(plan)


def unusable(failure: FirstPassFailed, plan: Plan, is_published_packed: bool) -> EngineError:
    """Return what to tell, with the precisions that the model's code may get on with.

    is_published_packed: the files hold quantised weights, which are computed with in no other way.
    """
    ways_out: tuple[Remedy, ...] = ()
    if not is_published_packed and plan.precision in PACKED:
        ways_out = (_IN_16_BIT, _IN_32_BIT)
    elif not is_published_packed and plan.precision is not Precision.FP32:
        ways_out = (_IN_32_BIT,)
    hint = "Load it in another precision, or choose another model." if ways_out else "Choose another model."
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"The model {plan.name} could be loaded,"
        f" but its program code fails when it computes in {LABELS[plan.precision]}.",
        hint,
        str(failure),
        remedies=ways_out,
    )


def damaged(plan: Plan) -> EngineError:
    """Return what to tell of a model that ComputesNoNumbers in a precision that holds whatever it was trained with."""
    return EngineError(
        ErrorKind.CHECKPOINT_INCOMPLETE,
        f"The model {plan.name} computes no numbers: its weights or its configuration are damaged.",
        "Download it again, or choose another model.",
    )


def empty(plan: Plan) -> EngineError:
    """Return what to tell of a model that TellsNoWords: of zeros, as in a file that got its size but no content."""
    return EngineError(
        ErrorKind.CHECKPOINT_INCOMPLETE,
        f"The model {plan.name} tells no word from another: its weights are empty or damaged.",
        "Download it again, or choose another model.",
    )


def not_causal(plan: Plan) -> EngineError:
    """Return what to tell of a model that ReadsBothWays."""
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"The model {plan.name} cannot be used for chatting: how it reads a word depends on the words behind it.",
        "Choose another model.",
    )

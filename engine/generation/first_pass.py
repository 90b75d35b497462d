"""The first pass through a model that has just been loaded: where its own code fails here, that is told as such."""

import logging
import traceback
from collections.abc import Callable
from typing import TypeVar

from engine.api.errors import EngineError, ErrorKind, Remedy
from engine.api.plan import Plan, Precision, PrecisionChoice
from engine.hardware.faults import fault_of
from engine.planning.words import LABELS

_log = logging.getLogger(__name__)
_Outcome = TypeVar("_Outcome")
_IN_32_BIT = Remedy("Load in FP32", PrecisionChoice.FP32)
_IN_16_BIT = Remedy("Load in BF16", PrecisionChoice.BF16)
_PACKED = (Precision.INT8, Precision.INT4)


class FirstPassFailed(Exception):
    """The model's code failed over a few ids, with nothing kept. Says how; holds nothing of the library's error."""


class ReadsBothWays(Exception):
    """What the model says after some words depends on words behind them, so that it can't be asked word by word."""


class ComputesNoNumbers(Exception):
    """What the model answers to a few ids holds something that is no number, or an endless one."""


def first_pass(work: Callable[[], _Outcome]) -> _Outcome:
    """Return what work, a pass through the model as it was published, returns.

    Raises FirstPassFailed; what the machine is at fault for gets through.
    """
    try:
        return work()
    except Exception as error:  # a publisher's program may raise anything
        if fault_of(error) is not None:
            raise
        said = "".join(traceback.format_exception(error))
    # Only here, after the except block, does no traceback hold the tensors any more (pytorch#18853).
    _log.error("the first pass through the model failed:\n%s", said)
    raise FirstPassFailed(said)


def unusable(failure: FirstPassFailed, plan: Plan, is_published_packed: bool) -> EngineError:
    """Return what to tell, with the precisions that the model's code may get on with.

    is_published_packed: the files hold quantised weights, which are computed with in no other way.
    """
    ways_out: tuple[Remedy, ...] = ()
    if not is_published_packed and plan.precision in _PACKED:
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


def not_causal(plan: Plan) -> EngineError:
    """Return what to tell of a model that ReadsBothWays."""
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"The model {plan.name} cannot be used for chatting: how it reads a word depends on the words behind it.",
        "Choose another model.",
    )

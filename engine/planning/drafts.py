"""(hardware, model, draft model, wishes) -> both plans: what the draft needs is set aside first. Pure."""

from msgspec import structs

from engine.api.hardware import Hardware
from engine.api.plan import Fit, Plan, PrecisionChoice
from engine.planning import precision
from engine.planning.facts import CheckpointFacts
from engine.planning.ladder import Wishes, wanted_window
from engine.planning.sizes import in_gib
from engine.planning.targets import CUDA_OVERHEAD_BYTES, targets_of


def plan_with_draft(
    hardware: Hardware, facts: CheckpointFacts, wishes: Wishes, draft: CheckpointFacts | None
) -> tuple[Plan, Plan | None]:
    """Return the plans of the model and of its draft, which has the same context window and the first device.

    Either may be TOO_BIG. Raises EngineError as precision.plan does.
    """
    if draft is None:
        return precision.plan(hardware, facts, wishes), None
    device = targets_of(hardware, wishes.device)[0].device
    drafted = _draft_plan(hardware, draft, wanted_window(facts, wishes), device)
    if drafted.fit is Fit.TOO_BIG:
        return precision.plan(hardware, facts, wishes), drafted
    taken = taken_bytes(drafted)
    plan = precision.plan(without(hardware, device, taken, drafted.parts.offloaded_bytes), facts, wishes)
    if 0 < plan.context_window < drafted.context_window:
        drafted = _draft_plan(hardware, draft, plan.context_window, device)
    why = (
        f"{drafted.name} proposes words that {plan.name} checks; {in_gib(taken)} GiB for its weights, its conversation "
        "and its work were set aside first."
    )
    return structs.replace(plan, draft=drafted.name, draft_bytes=taken, draft_reason=why), drafted


def taken_bytes(drafted: Plan) -> int:
    """Return what a draft model needs beside the model: all but what CUDA takes once for both, and the reserve."""
    parts = drafted.parts
    recorded = max(parts.overhead_bytes - CUDA_OVERHEAD_BYTES, 0) if drafted.device.startswith("cuda") else 0
    return parts.weights_bytes + parts.kv_bytes + parts.working_bytes + recorded


def without(hardware: Hardware, device: str, taken: int, waiting: int) -> Hardware:
    """Return the hardware with so much less memory free on the device, and in main memory what waits there for it."""
    gpus = tuple(
        structs.replace(gpu, free_bytes=max(0, gpu.free_bytes - taken)) if device == f"cuda:{gpu.index}" else gpu
        for gpu in hardware.gpus
    )
    in_ram = waiting if device.startswith("cuda") else taken
    return structs.replace(hardware, gpus=gpus, ram_available_bytes=max(0, hardware.ram_available_bytes - in_ram))


def _draft_plan(hardware: Hardware, draft: CheckpointFacts, window: int, device: str) -> Plan:
    plan = precision.plan(hardware, draft, Wishes(window, PrecisionChoice.AUTO, device))
    # A draft that is slow itself gains nothing.
    return structs.replace(plan, fit=Fit.TOO_BIG) if plan.fit is Fit.SLOW else plan

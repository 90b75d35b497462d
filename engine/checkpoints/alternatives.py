"""How else a checkpoint could be loaded on this computer: a way out is offered only where it leads somewhere."""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from engine.api.errors import EngineError, ErrorReport, Remedy
from engine.api.hardware import Hardware
from engine.api.plan import Fit, Plan, Precision, PrecisionChoice
from engine.planning.drafts import plan_with_draft
from engine.planning.facts import CheckpointFacts
from engine.planning.ladder import PACKED, Wishes

_LIGHTER = {
    Precision.INT8: Remedy(label="Load in INT8", precision=PrecisionChoice.INT8),
    Precision.INT4: Remedy(label="Load in INT4", precision=PrecisionChoice.INT4),
}


def lighter(precision: Precision) -> tuple[Remedy, ...]:
    """Return the precisions that need less memory, gentlest first."""
    return tuple(_LIGHTER[one] for one in (PACKED[PACKED.index(precision) + 1 :] if precision in PACKED else PACKED))


@dataclass(frozen=True)
class Alternatives:
    """What a checkpoint was loaded with, and what else can be planned for it. Holds no memory of the model.

    facts_on: (device, hardware) -> the checkpoint as the planner sees it there; raises EngineError where it can't be
    computed. draft: the facts of its draft model.
    """

    wishes: Wishes
    facts_on: Callable[[str, Hardware], CheckpointFacts]
    draft: CheckpointFacts | None = None

    def sifted(self, report: ErrorReport, hardware: Hardware) -> ErrorReport:
        """Return the report with only those ways out that can be taken on the hardware."""
        return structs.replace(report, remedies=self.possible(report.remedies, hardware)) if report.remedies else report

    def possible(self, remedies: tuple[Remedy, ...], hardware: Hardware) -> tuple[Remedy, ...]:
        """Return those of the ways out whose kernels work, and for which there is memory."""
        return tuple(remedy for remedy in remedies if self._leads_somewhere(remedy, hardware))

    def _leads_somewhere(self, remedy: Remedy, hardware: Hardware) -> bool:
        try:
            plan, drafted = self._planned(remedy, hardware)
        except EngineError:
            return False
        # What can't be packed is planned unpacked, which is no way out.
        is_meant = remedy.precision not in (PrecisionChoice.INT8, PrecisionChoice.INT4) or (
            plan.precision.value == remedy.precision.value
        )
        return is_meant and all(one is None or one.fit is not Fit.TOO_BIG for one in (plan, drafted))

    def _planned(self, remedy: Remedy, hardware: Hardware) -> tuple[Plan, Plan | None]:
        wishes = Wishes(
            remedy.context_tokens or self.wishes.context_tokens,
            remedy.precision or self.wishes.precision,
            remedy.device or self.wishes.device,
        )
        draft = None if remedy.draft == "" else self.draft
        return plan_with_draft(hardware, self.facts_on(wishes.device, hardware), wishes, draft)

"""What can be chosen about the thinking of the loaded model, and what is. Pure."""

from dataclasses import dataclass

from app.settings.schema import overlaid
from engine.api.plan import Plan
from engine.api.sampling import Sampling, ThinkingChoice


@dataclass(frozen=True)
class ThinkingSwitch:
    """The choices that the model has, the one in force, and the one that is where the conversation has none.

    None: nothing is chosen, and the model's own way is none of them.
    """

    choices: tuple[ThinkingChoice, ...]
    chosen: ThinkingChoice | None
    usual: ThinkingChoice | None

    @property
    def offered(self) -> tuple[ThinkingChoice | None, ...]:
        """What can be chosen; None, where no choice comes to the same, is to leave it to the model."""
        return self.choices if self.usual is not None else (None, *self.choices)

    @property
    def is_on_or_off(self) -> bool:
        """Whether there is nothing to choose but that."""
        return set(self.offered) == {ThinkingChoice.OFF, ThinkingChoice.ON}


def switch_of(plan: Plan | None, settings: Sampling, own: Sampling) -> ThinkingSwitch | None:
    """Return the switch as it stands under what the settings and the conversation say; None without a model or one."""
    if plan is None or not plan.thinking_choices:
        return None
    chosen, usual = (
        sampling.thinking if sampling.thinking in plan.thinking_choices else plan.thinking_by_default
        for sampling in (overlaid(settings, own), settings)
    )
    return ThinkingSwitch(plan.thinking_choices, chosen, usual)

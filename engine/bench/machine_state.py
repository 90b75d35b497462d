"""Under what conditions was measured: threads, other programs' work, and what graphics cards tell of themselves."""

import shutil
import subprocess
import time

import psutil
import torch

from engine.api.benchmark import CardState, MachineState
from engine.hardware.copy_rate import busy_seconds_of_others
from engine.hardware.nvidia_driver import output_of

_FIELDS = (
    "name",
    "driver_version",
    "pstate",
    "clocks.gr",
    "clocks.max.gr",
    "clocks.mem",
    "clocks.max.mem",
    "temperature.gpu",
    "power.draw",
)
_BUSY_CORES = 0.25


class Watch:
    """Notes what other programs do from its making until state() is asked for."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._busy_before = busy_seconds_of_others()

    @property
    def seconds(self) -> float:
        """Time since it was made."""
        return time.perf_counter() - self._started

    def state(self, *, uses_card: bool) -> MachineState:
        """Return the conditions since then; cards are asked only if one was used."""
        busy = max(0.0, busy_seconds_of_others() - self._busy_before) / max(self.seconds, 1e-9)
        cores = psutil.cpu_count() or 1
        warning = ""
        if busy > _BUSY_CORES:
            warning = (
                f"Other programs kept {busy:.1f} of {cores} cores busy meanwhile: measured on a quiet computer, the "
                "numbers would be better."
            )
        return MachineState(
            threads=torch.get_num_threads(),
            logical_cores=cores,
            busy_cores_of_others=round(busy, 2),
            cards=card_states() if uses_card else (),
            warning=warning,
        )


def card_states() -> tuple[CardState, ...]:
    """Return what NVIDIA's own program tells of each card; nothing where it isn't there or doesn't answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    query = [program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        answer = output_of(query)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ()
    return read_card_states(answer)


def read_card_states(answer: str) -> tuple[CardState, ...]:
    """Return the cards from nvidia-smi's lines; what a card doesn't tell (`[N/A]`) is 0 or empty."""
    rows = [[value.strip() for value in line.split(",")] for line in answer.splitlines()]
    return tuple(_card(row) for row in rows if len(row) == len(_FIELDS))


def _card(row: list[str]) -> CardState:
    name, driver, state, *numbers = row
    clock, highest, memory, highest_memory, temperature, power = (_number(text) for text in numbers)
    return CardState(
        name=name,
        driver=driver,
        performance_state=state if state.startswith("P") else "",
        graphics_clock_mhz=int(clock),
        highest_graphics_clock_mhz=int(highest),
        memory_clock_mhz=int(memory),
        highest_memory_clock_mhz=int(highest_memory),
        temperature_celsius=int(temperature),
        power_watts=power,
    )


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0

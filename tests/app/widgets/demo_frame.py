"""The window's frame with invented contents, for pictures: keys, licences, a report, notices, the menu of models."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QWidget

from app.composition.frame import bug_notice
from app.controllers import notices
from app.controllers.conversations.deletion_controller import UNDO_SECONDS
from app.conversations.records import Conversation
from app.licences import packages
from app.widgets.actions.keys_dialog import KeysDialog
from app.widgets.basics.assets import asset
from app.widgets.dialogs.about_dialog import AboutDialog
from app.widgets.dialogs.licences_dialog import LicencesDialog
from app.widgets.dialogs.report_dialog import ReportDialog
from app.widgets.window.main_window import MainWindow
from engine.api.hardware import Gpu, Hardware
from engine.api.plan import MemoryParts
from tests.app.widgets.demo_conversation import NOW, PLAN
from tests.app.widgets.models.demo_hub import OFFLOADED_PLAN

_Dialog = TypeVar("_Dialog", bound=QDialog)
_GIB = 2**30
_CARD = "NVIDIA GeForce RTX 4090"
HARDWARE = Hardware(
    "Linux", "CPU", 8, (), 32 * _GIB, 20 * _GIB, _GIB, (Gpu(0, _CARD, (8, 9), 24 * _GIB, int(16.1 * _GIB), True),)
)
_SUMS = "4.60 GiB of weights + 1.20 for 8,192 tokens + 0.50 to work in + 0.50 for CUDA + 0.50 in reserve"
ON_CARD = msgspec.structs.replace(
    PLAN,
    device="cuda:0",
    device_name=_CARD,
    precision_reason=f"BF16: {_SUMS} = 7.30 of 23.00 GiB free on {_CARD}.",
    parts=MemoryParts(int(4.6 * _GIB), int(1.2 * _GIB), _GIB // 2, _GIB // 2, _GIB // 2, 0, 23 * _GIB),
)


NO_CARD = msgspec.structs.replace(
    HARDWARE,
    cpu_name="AMD Ryzen 7 5800X 8-Core Processor",
    gpus=(),
    gpu_problem=f"{_CARD} is there, but CUDA does not see it. Update the NVIDIA driver, then restart.",
)
ON_PROCESSOR = msgspec.structs.replace(
    PLAN,
    device_name=NO_CARD.cpu_name,
    parts=MemoryParts(int(0.3 * _GIB), int(0.2 * _GIB), _GIB // 8, _GIB // 8, _GIB, 0, 20 * _GIB),
)


def show_no_card(window: MainWindow) -> None:
    """Let the model menu speak of a computer without a graphics card."""
    window.set_plan(ON_PROCESSOR)
    window.model_button.show_hardware(NO_CARD)


def show_offloaded(window: MainWindow) -> None:
    """Let the model menu speak of a model that waits in main memory for the most part."""
    card = Gpu(0, OFFLOADED_PLAN.device_name, (8, 6), 6 * _GIB, int(0.3 * _GIB), True)
    window.set_plan(OFFLOADED_PLAN)
    window.model_button.show_hardware(msgspec.structs.replace(HARDWARE, gpus=(card,)))


def show_memory(window: MainWindow) -> None:
    """Let the model menu speak of a graphics card."""
    window.set_plan(ON_CARD)
    window.model_button.show_hardware(HARDWARE)


def show_notices(window: MainWindow) -> None:
    """Several notices at once, one with each severity, in the window's language."""
    bread = Conversation(id="bread", title="Bread without yeast", created_at=NOW, updated_at=NOW)
    for notice in (
        notices.deleted_notice([bread], UNDO_SECONDS),
        notices.not_switched_notice("answer", ON_CARD.checkpoint),
        bug_notice("ValueError"),
    ):
        window.show_notice(notice)


def dialogs(window: MainWindow, collect: Callable[[], str]) -> Iterator[tuple[str, QWidget]]:
    """Open each dialog of the frame in a state worth seeing; it is closed when the next one is asked for."""
    window.actions_by_name.keys.trigger()
    keys = _found(window, KeysDialog)
    keys.select("new")
    QTest.keyClick(keys.list, Qt.Key.Key_Return)
    QTest.keyClick(keys.key_edit, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    yield "keys", keys
    keys.close()
    window.actions_by_name.about.trigger()
    about = _found(window, AboutDialog)
    yield "about", about
    about.close()
    window.dialogs.open_licences()
    licences = _found(window, LicencesDialog)
    licences.show_components(packages((asset("licences", "LGPL-3.0.txt"), asset("licences", "GPL-3.0.txt"))))
    yield "licences", licences
    licences.close()
    window.dialogs.open_report()
    report = _found(window, ReportDialog)
    report.description.setPlainText("I pressed Stop twice, and then nothing more was written.")
    report.show_facts(collect())
    yield "report", report
    report.close()


def _found(window: MainWindow, kind: type[_Dialog]) -> _Dialog:
    return next(each for each in window.findChildren(kind) if each.isVisible())

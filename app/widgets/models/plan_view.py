"""How a model would be loaded on this computer: the verdict, its reasons in sentences, the memory by part."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from app.engine_words import said
from app.language import mark, tr
from app.models import plan_words
from app.widgets.basics.plain_label import plain_label
from app.widgets.models.emptied import emptied
from app.widgets.models.fact_table import FIRST_COLUMN_PX
from engine.api.errors import ErrorReport
from engine.api.plan import Fit, Plan

_WAITING = mark("Working out how it would fit…")


class PlanView(QWidget):
    """Shows a plan, why there is none, or that it is being made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.verdict = plain_label("", "heading", wraps=True)
        self._reasons = QVBoxLayout()
        self._reasons.setSpacing(4)
        self._table = QGridLayout()
        self._table.setContentsMargins(0, 4, 0, 0)
        self._table.setHorizontalSpacing(24)
        self._table.setVerticalSpacing(4)
        self._table.setColumnStretch(2, 1)
        self._table.setColumnMinimumWidth(0, FIRST_COLUMN_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.verdict)
        column.addLayout(self._reasons)
        column.addLayout(self._table)
        self.show_waiting()

    def show_waiting(self) -> None:
        """Say that the plan is being made."""
        self._show(tr(_WAITING), [], [])

    def show_plan(self, plan: Plan | ErrorReport | None) -> None:
        """Show the plan, or why there is none; None while it is being made."""
        if isinstance(plan, Plan):
            lines = [said(plan.precision_reason), said(plan.context_reason) if plan.fit is not Fit.TOO_BIG else ""]
            lines += [plan_words.speed_text(plan), *plan_words.device_lines(plan)]
            rows = plan_words.memory_rows(plan) if plan.parts.needed_bytes else []
            self._show(plan_words.fit_label(plan), lines, rows, plan_words.memory_elsewhere(plan))
        elif isinstance(plan, ErrorReport):
            self._show(tr("How it would fit can't be told"), [said(plan.message), said(plan.hint)], [])
        else:
            self.show_waiting()

    @property
    def reasons(self) -> list[str]:
        """The sentences below the verdict."""
        items = [self._reasons.itemAt(place) for place in range(self._reasons.count())]
        labels = [item.widget() for item in items if item is not None]
        return [label.text() for label in labels if isinstance(label, QLabel)]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The table of memory as it is shown."""
        texts = [self._cell(place, column) for place in range(self._table.rowCount()) for column in (0, 1)]
        pairs = list(zip(texts[::2], texts[1::2], strict=True))
        return [(words, size) for words, size in pairs if words]

    def _cell(self, row: int, column: int) -> str:
        item = self._table.itemAtPosition(row, column)
        label = item.widget() if item is not None else None
        return label.text() if isinstance(label, QLabel) else ""

    def _show(
        self,
        verdict: str,
        lines: list[str],
        rows: list[tuple[str, str]],
        beside: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Show rows that add up, the last being their sum, and what lies beside it."""
        self.verdict.setText(verdict)
        for layout in (self._reasons, self._table):
            emptied(layout)
        for line in lines:
            if line:
                self._reasons.addWidget(plain_label(line, wraps=True))
        for place, (words, size) in enumerate([*rows, *beside]):
            role = "" if place == len(rows) - 1 else "muted"
            number = plain_label(f"{size} GiB", role)
            self._table.addWidget(plain_label(words[:1].upper() + words[1:], role), place, 0)
            self._table.addWidget(number, place, 1, Qt.AlignmentFlag.AlignRight)

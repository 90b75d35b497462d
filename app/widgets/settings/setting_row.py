"""One setting of the dialog: label, help, the control that its schema asks for, and Reset."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.language import mark, tr
from app.settings.schema import Field, TakesEffect
from app.widgets.basics.plain_label import plain_label, setting_label
from app.widgets.settings.setting_controls import SettingControl, make_control

_NOTES = {
    TakesEffect.AFTER_RESTART: mark("Takes effect when Hearth is started again."),
    TakesEffect.AFTER_RELOAD: mark("Takes effect after reloading the model."),
    TakesEffect.NEXT_ANSWER: mark("Takes effect with the next answer."),
}


class SettingRow(QWidget):
    """Emits changed((key, value)) and reset_requested(key); shows why a value can't be taken."""

    changed = Signal(object)
    reset_requested = Signal(object)

    def __init__(self, field: Field, default: object, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self._default = default
        label = self.label = setting_label(tr(field.label))
        self.control: SettingControl = make_control(field)
        self.control.widget.setAccessibleName(tr(field.label))
        self.control.widget.setAccessibleDescription(tr(field.help))
        label.setBuddy(self.control.widget)
        self.control.edited.connect(self._on_edited)
        self.control.refused.connect(self._on_refused)
        self.reset_button = QPushButton(tr("Reset"))
        self.reset_button.setAutoDefault(False)  # or Enter in any field of the dialog would press it
        self.reset_button.setProperty("kind", "quiet")
        self.reset_button.setAccessibleName(tr("Reset {label}").format(label=tr(field.label)))
        self.reset_button.clicked.connect(self._on_reset)
        self.origin = plain_label("", "small", wraps=True)
        self.origin.hide()
        self.problem = plain_label("", "danger", wraps=True)
        self.problem.hide()
        top = QHBoxLayout()
        top.addWidget(label, 1)
        top.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(plain_label(tr(field.help), "muted", wraps=True))
        column.addSpacing(2)
        is_switch = isinstance(self.control.widget, QCheckBox)  # pressed where its words are, not beside them
        column.addWidget(self.control.widget, 0, Qt.AlignmentFlag.AlignLeading if is_switch else Qt.AlignmentFlag(0))
        column.addWidget(self.problem)
        column.addWidget(self.origin)
        if field.takes_effect in _NOTES:
            column.addWidget(plain_label(tr(_NOTES[field.takes_effect]), "small", wraps=True))

    def show_value(self, value: object) -> None:
        """Show the value that counts now."""
        self.control.set_value(value)
        self.problem.hide()
        self.reset_button.setVisible(value != self._default)

    def show_origin(self, words: str) -> None:
        """Say where the value comes from, "" for nothing to say."""
        self.origin.setText(words)
        self.origin.setVisible(bool(words))

    @Slot(object)
    def _on_edited(self, value: object) -> None:
        self.problem.hide()
        self.changed.emit((self.field.key, value))

    @Slot(object)
    def _on_refused(self, sentence: object) -> None:
        self.problem.setText(str(sentence))
        self.problem.show()

    @Slot()
    def _on_reset(self) -> None:
        self.reset_requested.emit(self.field.key)


def has_words(field: Field, words: str) -> bool:
    """Return whether every word is found in a setting's label, help or page."""
    text = f"{tr(field.label)} {tr(field.help)} {tr(field.page)} {field.key}".casefold()
    return all(word in text for word in words.casefold().split())

"""Says a sentence to screen readers: what sighted people notice by themselves, as it appears somewhere else."""

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from app.bidi import without_controls
from app.language import tr

_PAUSE_MS = 700  # longer than between two keys of one who types


def announce(speaker: QWidget, words: str, *, is_urgent: bool = False) -> None:
    """Say words in the name of a widget, after what is being said; an urgent one interrupts."""
    if not words:
        return
    event = QAccessibleAnnouncementEvent(speaker, without_controls(words))
    kind = QAccessible.AnnouncementPoliteness
    event.setPoliteness(kind.Assertive if is_urgent else kind.Polite)
    QAccessible.updateAccessibility(event)


class LateAnnouncement(QObject):
    """Says only the last of several sentences, as while somebody types; nothing twice in a row."""

    def __init__(self, speaker: QWidget) -> None:
        super().__init__(speaker)
        self._speaker = speaker
        self._words = ""
        self._said = ""
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._timer.timeout.connect(self._on_due)

    def say(self, words: str) -> None:
        """Say this in a moment, unless something else comes; "" says nothing and forgets what was said."""
        self._words = words
        if not words:
            self._said = ""
            self._timer.stop()
        elif words != self._said:
            self._timer.start()

    @Slot()
    def _on_due(self) -> None:
        self._said = self._words
        announce(self._speaker, self._words)


class CopyAnnouncement(QObject):
    """Says "Copied" whatever part of the window has put something on the clipboard: most show nothing for it."""

    def __init__(self, speaker: QWidget) -> None:
        super().__init__(speaker)
        self._speaker = speaker
        QGuiApplication.clipboard().dataChanged.connect(self._on_changed)

    @Slot()
    def _on_changed(self) -> None:
        if QApplication.activeWindow() is not None:  # otherwise another program did it
            announce(self._speaker, tr("Copied"))

"""What was changed in messages that were being edited when their page went away: it is there when they come back."""

from app.conversations.attachment import Attachment
from app.widgets.transcript.message_widget import MessageWidget


class OpenEdits:
    """Keeps texts and attachments by message; an editor in which nothing was changed is simply closed."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, tuple[Attachment, ...]]] = {}

    def keep(self, widget: MessageWidget) -> None:
        """Keep what is in a message's editor before its widget goes."""
        if widget.editor is None:
            return
        message = widget.entry.message
        edited = (widget.editor.editor.text, widget.editor.attachments.attachments)
        if edited != (message.content, message.attachments):
            self._kept[message.id] = edited

    def bring_back(self, widget: MessageWidget) -> None:
        """Open the editor of a message's new widget again, if one was open."""
        edited = self._kept.pop(widget.message_id, None)
        if edited is not None:
            widget.open_editor(*edited)

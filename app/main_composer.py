"""The part of the composition root that is about what is sent: attachments, and what belongs to one conversation."""

from PySide6.QtCore import QObject

from app.controllers.attachment_controller import AttachmentController
from app.controllers.chat_controller import ChatController
from app.controllers.context_controller import ContextController
from app.controllers.conversation_controller import ConversationController
from app.widgets.drop_target import DropTarget
from app.widgets.main_window import MainWindow


class ComposerParts(QObject):
    """Builds and connects them."""

    def __init__(
        self,
        conversations: ConversationController,
        chat: ChatController,
        context: ContextController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._chat = chat
        self.attachments = AttachmentController(conversations, self)
        self.attachments.attachments_changed.connect(context.set_attachments)

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        self._connect_attachments(window)
        window.page.composer.queue_now_requested.connect(self._chat.waiting.send_now)
        self._chat.waiting_changed.connect(window.page.composer.set_waiting)

    def shut_down(self) -> None:
        """Stop reading files; blocks for a moment."""
        self.attachments.shut_down()

    def _connect_attachments(self, window: MainWindow) -> None:
        composer, attachments = window.page.composer, self.attachments
        self.drop_target = DropTarget(window, window.page)
        self.drop_target.files_dropped.connect(attachments.add_files)
        composer.files_chosen.connect(attachments.add_files)
        composer.long_text_pasted.connect(attachments.add_text)
        composer.picture_pasted.connect(attachments.refuse_picture)
        composer.attachment_removed.connect(attachments.remove)
        composer.attachment_put_back.connect(attachments.put_back)
        window.actions_by_name.attach.triggered.connect(composer.choose_files)
        attachments.items_changed.connect(composer.set_attachments)
        attachments.problem_changed.connect(composer.attachments.show_problem)
        attachments.text_returned.connect(composer.insert_text)

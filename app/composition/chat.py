"""The chat itself: which intent of the window leads to which controller, and what the window is told by them."""

from dataclasses import dataclass

from app.controllers.chat.branch_controller import BranchController
from app.controllers.chat.chat_controller import ChatController
from app.controllers.chat.context_controller import ContextController
from app.controllers.chat.warmth_controller import WarmthController
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.models.checkpoint_controller import CheckpointController
from app.controllers.models.plan_controller import PlanController
from app.controllers.notices import ASK_PRIVATELY
from app.controllers.settings_controller import SettingsController
from app.widgets.window.main_window import MainWindow


@dataclass(frozen=True)
class ChatParts:
    """The window and the controllers that a conversation needs."""

    window: MainWindow
    chat: ChatController
    conversations: ConversationController
    checkpoints: CheckpointController
    branches: BranchController
    context: ContextController
    plans: PlanController
    settings: SettingsController
    warmth: WarmthController


def connect_intents(parts: ChatParts) -> None:
    """Let what the user does in the window reach the controllers."""
    window, chat, conversations, checkpoints = parts.window, parts.chat, parts.conversations, parts.checkpoints
    window.send_requested.connect(chat.send)
    window.stop_requested.connect(chat.stop)
    window.regenerate_requested.connect(chat.regenerate)
    window.edit_requested.connect(chat.edit)
    window.continue_requested.connect(chat.continue_message)
    window.queue_removed.connect(chat.waiting.remove)
    window.queue_edit_requested.connect(chat.waiting.edit)
    window.new_requested.connect(conversations.new)
    window.new_private_requested.connect(conversations.new_private)
    window.open_requested.connect(conversations.open)
    window.rename_requested.connect(conversations.rename)
    window.version_requested.connect(conversations.show_version)
    window.branch_requested.connect(parts.branches.branch)
    window.when_full_requested.connect(conversations.set_when_full)
    window.draft_changed.connect(conversations.save_draft)
    window.draft_changed.connect(parts.context.set_draft)
    window.load_requested.connect(checkpoints.load)
    window.fits_requested.connect(parts.plans.request)
    window.reload_requested.connect(checkpoints.reload)
    window.unload_requested.connect(checkpoints.unload)
    window.settings_changed.connect(parts.settings.change)
    window.setting_reset_requested.connect(parts.settings.reset)
    window.dialogs.warmth_requested.connect(parts.warmth.refresh)
    window.dialogs.forget_requested.connect(parts.warmth.forget)
    window.dialogs.clear_requested.connect(parts.warmth.clear)
    window.notice_action_requested.connect(chat.on_notice_action)
    window.notice_action_requested.connect(conversations.on_notice_action)
    window.notice_action_requested.connect(checkpoints.on_notice_action)
    window.notice_action_requested.connect(lambda key: _ask_privately(parts) if key == ASK_PRIVATELY else None)


def _ask_privately(parts: ChatParts) -> None:
    """Begin a private conversation with what waits until it can be saved; sending it is the user's to do."""
    window, conversations = parts.window, parts.conversations
    if window.page.composer.chips.queue:
        parts.chat.waiting.edit(0)
    left = conversations.page
    window.begin_new_private()
    if left is not None and not left.is_private:
        conversations.take_draft(left.id)


def connect_states(parts: ChatParts) -> None:
    """Let the window show what the controllers tell."""
    window = parts.window
    parts.conversations.conversation_changed.connect(window.show_conversation)
    parts.conversations.private_changed.connect(window.set_private)
    for restored in (parts.conversations.draft_restored, parts.chat.waiting.draft_restored):
        restored.connect(window.set_draft)
        restored.connect(parts.context.set_draft)
    parts.chat.busy_changed.connect(window.set_busy)
    parts.chat.phase_changed.connect(window.set_phase)
    parts.chat.queue_changed.connect(window.set_queue)
    parts.checkpoints.plan_changed.connect(window.set_plan)
    parts.plans.fit_found.connect(window.show_fit)
    parts.checkpoints.loading_changed.connect(window.set_loading)
    parts.settings.settings_changed.connect(window.apply_settings)
    parts.settings.settings_changed.connect(parts.conversations.on_settings_changed)
    parts.settings.settings_changed.connect(parts.context.refresh)
    parts.context.use_changed.connect(window.set_context_use)
    for source in (parts.conversations, parts.chat, parts.checkpoints, parts.settings):
        source.notice_raised.connect(window.show_notice)
        source.notice_cleared.connect(window.clear_notice)
    parts.warmth.notice_raised.connect(window.show_notice)
    parts.warmth.described.connect(window.dialogs.show_warmth)
    parts.warmth.freed.connect(window.dialogs.show_freed)

"""The questions before a model, or what has arrived of one, is deleted."""

from PySide6.QtWidgets import QWidget

from app.language import tr
from app.models import hub_words
from app.models.amounts import file_size
from app.widgets.models.question import Question
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint

_NO_BREAK = "\u00a0"


class DiscardDialog(Question):
    """Asks before a download's bytes are thrown away."""

    def __init__(self, hub_id: str, done_bytes: int, parent: QWidget | None = None) -> None:
        size = _size(done_bytes)
        super().__init__(
            tr("Cancel a download"),
            tr("Throw away what was downloaded of {name}?").format(name=hub_words.name_of(hub_id)),
            tr("{size} have arrived and would have to be fetched again. Pause keeps them.").format(size=size),
            tr("Throw away"),
            parent,
        )


class DeleteDialog(Question):
    """Asks before a model is deleted from this computer, with the bytes that it frees."""

    def __init__(self, checkpoint: LocalCheckpoint, freed_bytes: int, parent: QWidget | None = None) -> None:
        from_hub = checkpoint.kind is CheckpointKind.HUB_CACHE
        again = tr("It can be downloaded again.") if from_hub else tr("It can't be brought back.")
        where = (
            ""
            if from_hub or not checkpoint.folder
            else " " + tr("Its files lie in {folder}.").format(folder=checkpoint.folder)
        )
        super().__init__(
            tr("Delete a model"),
            tr("Delete {name} from this computer?").format(name=hub_words.one_line(checkpoint.name)),
            tr("This frees {size} of the disk. {more} Your conversations with it stay.").format(
                size=_size(freed_bytes), more=again + where
            ),
            tr("Delete"),
            parent,
        )


def _size(size_bytes: int) -> str:
    return file_size(size_bytes).replace(" ", _NO_BREAK)

"""What the window says about imports and exports, and the buttons that help. Pure."""

from collections.abc import Sequence
from pathlib import Path

from app.conversations.attachment import one_line
from app.conversations.exchange.importing import ImportReport
from app.language import grouped, tr
from app.models.notice import Choice, Notice, Severity
from engine.api.codec import clean_text

IMPORT_KEY = "import"
OFFER_KEY = "import_offer"
IMPORT_DROPPED = "import_dropped"
ATTACH_DROPPED = "attach_dropped"
EXPORT_KEY = "export"
CANCEL_IMPORT = "cancel_import"
CANCEL_EXPORT = "cancel_export"
UNDO_IMPORT = "undo_import"
SHOW_FOLDER = "show_folder:"
_MOST_NAMED = 3


def import_offer(names: Sequence[str]) -> Notice:
    """Return what to ask when files were dropped that look like exports."""
    if len(names) == 1:
        text = tr("{name} looks like exported conversations.").format(name=one_line(clean_text(names[0])))
    else:
        text = tr("{count} of these files look like exported conversations.").format(count=grouped(len(names)))
    choices = (Choice(tr("Import"), IMPORT_DROPPED), Choice(tr("Attach to the message"), ATTACH_DROPPED))
    return Notice(key=OFFER_KEY, text=text, choices=choices)


def importing_notice(report: ImportReport) -> Notice:
    """Return how far an import is."""
    count = len(report.added) + report.known
    text = tr("Importing conversations: {count}").format(count=grouped(count))
    return Notice(key=IMPORT_KEY, text=text, action=tr("Cancel"), action_key=CANCEL_IMPORT, is_progress=True)


def exporting_notice(done: int, total: int) -> Notice:
    """Return how far an export is."""
    text = tr("Exporting conversations: {done} of {total}").format(done=grouped(done), total=grouped(total))
    return Notice(key=EXPORT_KEY, text=text, action=tr("Cancel"), action_key=CANCEL_EXPORT, is_progress=True)


def exported_notice(path: Path, total: int) -> Notice:
    """Return what to say when a file has been written."""
    if total == 1:
        text = tr("The conversation was exported to {name}.").format(name=path.name)
    else:
        text = tr("{count} conversations were exported to {name}.").format(count=grouped(total), name=path.name)
    return Notice(key=EXPORT_KEY, text=text, action=tr("Show in folder"), action_key=f"{SHOW_FOLDER}{path.parent}")


def export_failed_notice(sentence: str) -> Notice:
    """Return what to say when nothing was written."""
    return Notice(key=EXPORT_KEY, text=sentence, severity=Severity.ERROR)


def export_busy_notice() -> Notice:
    """Return what to say when a second export is asked for."""
    return Notice(key="export_busy", text=tr("Another export is still running."))


def import_busy_notice() -> Notice:
    """Return what to say when a second import is asked for."""
    return Notice(key="import_busy", text=tr("Another import is still running."))


def import_unfinished_notice(names: Sequence[str]) -> Notice:
    """Return what to say of an import that was cut short by closing the window."""
    text = tr("Hearth was closed before {name} was read to its end. Import it again, and what is missing is added.")
    named = ", ".join(one_line(clean_text(name)) for name in names[:_MOST_NAMED])
    return Notice(key=IMPORT_KEY, text=text.format(name=named), severity=Severity.WARNING)


def export_unfinished_notice(name: str) -> Notice:
    """Return what to say of an export that was cut short by closing the window."""
    text = tr("Hearth was closed before {name} was written, so it was not. Export it again.")
    return Notice(key=EXPORT_KEY, text=text.format(name=one_line(clean_text(name))), severity=Severity.WARNING)


def imported_notice(report: ImportReport) -> Notice:
    """Return what came of an import, with Undo if there is something to take back."""
    sentences = [_added(report), *_left_out(report), *report.failures[:_MOST_NAMED]]
    if len(report.failures) > _MOST_NAMED:
        more = len(report.failures) - _MOST_NAMED
        sentences.append(tr("More files that could not be read: {count}.").format(count=grouped(more)))
    if report.was_cancelled:
        sentences.append(tr("The rest was cancelled."))
    return Notice(
        key=IMPORT_KEY,
        text=" ".join(sentence for sentence in sentences if sentence),
        severity=Severity.INFO if report.is_whole else Severity.WARNING,
        action=tr("Undo") if report.added else "",
        action_key=UNDO_IMPORT if report.added else "",
    )


def _added(report: ImportReport) -> str:
    count = len(report.added)
    if not count:
        says_why = not report.is_whole or report.known or report.was_cancelled
        return "" if says_why else tr("There was no conversation in the file.")
    if len(report.sources) == 1:
        program = next(iter(report.sources)).value
        if count == 1:
            return tr("Imported one conversation from {program}.").format(program=program)
        return tr("Imported {count} conversations from {program}.").format(count=grouped(count), program=program)
    return tr("Imported {count} conversations.").format(count=grouped(count))


def _left_out(report: ImportReport) -> list[str]:
    said = []
    if report.known == 1:
        said.append(tr("One was here already."))
    elif report.known:
        said.append(tr("{count} were here already.").format(count=grouped(report.known)))
    if report.copies:
        said.append(
            tr("Changed since they were imported, and added as copies: {count}.").format(count=grouped(report.copies))
        )
    if report.unreadable_conversations:
        count = grouped(report.unreadable_conversations)
        said.append(tr("Could not be read: {count}.").format(count=count))
    if report.unreadable_files:
        count = grouped(report.unreadable_files)
        said.append(tr("Files that could not be read to their end: {count}.").format(count=count))
    if report.unreadable_messages:
        count = grouped(report.unreadable_messages)
        said.append(tr("Messages that could not be read: {count}.").format(count=count))
    return said

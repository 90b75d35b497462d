"""What came of reading a file, in sentences for a person."""

from app.attachments.limits import INPUT_BYTES, SECONDS
from app.attachments.outcome import Note, Remark, Trouble
from app.language import grouped, mark, tr

_SENTENCES = {
    Trouble.GONE: mark("{name} is no longer there."),
    Trouble.LINK_LOOP: mark("{name} is a link that only leads back to itself."),
    Trouble.FOLDER: mark("{name} is a folder. Attach the files in it instead."),
    Trouble.NO_FILE: mark("{name} is a device or a pipe, not a file that can be read."),
    Trouble.NO_ACCESS: mark("{name} may not be read with your account."),
    Trouble.UNREADABLE: mark("{name} could not be read from its disk."),
    Trouble.TOO_BIG: mark("{name} is larger than {megabytes} MB. Attach the part that matters."),
    Trouble.TOO_MUCH_MEMORY: mark("{name} would take too much memory to read. Attach a smaller part of it."),
    Trouble.TOO_SLOW: mark("{name} could not be read within {seconds} seconds. Attach a smaller part of it."),
    Trouble.UNPACKS_TOO_FAR: mark("{name} unpacks to far more than it seems to hold, and was not read for safety."),
    Trouble.UNSAFE: mark("{name} holds instructions that don't belong in such a file, and was not read for safety."),
    Trouble.EMPTY: mark("{name} is empty."),
    Trouble.NO_TEXT: mark("{name} holds no text, only pictures perhaps. Text in pictures can't be read yet."),
    Trouble.PICTURE: mark("{name} is a picture, and models here read text only."),
    Trouble.SOUND: mark("{name} is a recording, and models here read text only."),
    Trouble.ARCHIVE: mark("{name} is an archive. Unpack it and attach the files that matter."),
    Trouble.OLD_OFFICE: mark("{name} has an old Office format. Save it as .docx, .xlsx, .pptx or PDF first."),
    Trouble.BINARY: mark("{name} is not text, whatever its name says."),
    Trouble.PROTECTED: mark("{name} is protected by a password. Save a copy without one, and attach that."),
    Trouble.DAMAGED: mark("{name} is damaged or incomplete, and could not be read."),
    Trouble.FAILED: mark("{name} could not be read: something in it is not as it should be."),
}


def sentence(trouble: Trouble, name: str) -> str:
    """Return why a file can't be attached, and what to do."""
    return tr(_SENTENCES[trouble]).format(name=name, megabytes=INPUT_BYTES // 1_000_000, seconds=int(SECONDS))


def note_words(notes: tuple[Note, ...]) -> str:
    """Return what the text lacks, "" if nothing."""
    return " ".join(_note(note) for note in notes)


def _note(note: Note) -> str:
    match note.remark:
        case Remark.PICTURE_PAGES:
            words = tr("{count} of {total} pages are pictures without text.")
            if note.count == 1:
                words = tr("1 of {total} pages is a picture without text.")
        case Remark.PAGES_LEFT_OUT:
            words = tr("{count} of {total} pages were left out, as the text is too long.")
            if note.count == 1:
                words = tr("1 of {total} pages was left out, as the text is too long.")
        case Remark.CUT:
            words = tr("Only the first {count} characters were taken.")
        case Remark.GUESSED_ENCODING:
            words = tr("The file doesn't say how its letters are written; some may be wrong.")
    return words.format(count=grouped(note.count), total=grouped(note.total))

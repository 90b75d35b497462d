"""What is said while conversations are imported and exported, and afterwards."""

from pathlib import Path

from app.controllers.conversations import exchange_notices
from app.conversations.exchange.found import Source
from app.conversations.exchange.importing import ImportReport
from tests.app.conversations.samples import a_conversation
from tests.screenshots.studio import SMALL, Studio


def draw(studio: Studio) -> None:
    """Draw it."""
    known = studio.known
    studio.open("markdown", known["restored"])
    window = studio.window
    report = ImportReport(sources={Source.CHATGPT}, known=2, unreadable_conversations=1)
    report.added = [a_conversation(str(number)) for number in range(1234)]
    window.show_notice(exchange_notices.importing_notice(report))
    window.show_notice(exchange_notices.exported_notice(Path("Names for a sailing boat.md"), 1))
    studio.draw("importing")
    window.clear_notice(exchange_notices.EXPORT_KEY)
    window.show_notice(exchange_notices.imported_notice(report))
    studio.draw("imported", SMALL)
    studio.close()

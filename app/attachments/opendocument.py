"""The text of OpenDocument files (.odt, .ods, .odp): paragraphs, headings, lists, tables, slides."""

from app.attachments.flowing import Flow
from app.attachments.package import Event, Package
from app.attachments.sink import TextSink

CONTENT = "content.xml"
_SKIPPED = frozenset({"tracked-changes", "annotation", "notes-configuration", "bibliography-configuration"})
# Sheets repeat their empty cells up to the edge.
_MOST_REPEATS = 256


def read_open_document(package: Package, sink: TextSink) -> int:
    """Write the text; returns the number of slides or sheets (0 for a text)."""
    reader = _Reader(Flow(sink))
    for event in package.events(CONTENT):
        reader.take(event)
    return reader.pages


class _Reader:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._skipped = 0
        self._paragraphs = 0  # how deep in paragraphs: only there is text
        self._lists = 0
        self._heading = ""
        self._repeats = 1
        self._is_sheet = False
        self.pages = 0

    def take(self, event: Event) -> None:
        if event.name in _SKIPPED:
            self._skipped += 1 if event.kind == "start" else -1
        elif self._skipped:
            return
        elif event.kind == "text":
            if self._paragraphs:
                self._flow.add(event.text)
        elif event.kind == "start":
            self._begin(event)
        else:
            self._end(event)

    def _begin(self, event: Event) -> None:
        match event.name:
            case "p" | "h":
                self._paragraphs += 1
                level = event.get("outline-level")
                self._heading = "#" * min(6, int(level)) + " " if event.name == "h" and level.isdecimal() else ""
            case "s":
                count = event.get("c")
                self._flow.add(" " * (min(_MOST_REPEATS, int(count)) if count.isdecimal() else 1))
            case "tab":
                self._flow.add("\t")
            case "line-break":
                self._flow.add("\n")
            case "list":
                self._lists += 1
            case "spreadsheet":
                self._is_sheet = True
            case "table-row":
                self._flow.begin_row()
            case "table-cell" | "covered-table-cell":
                repeats = event.get("number-columns-repeated")
                self._repeats = min(_MOST_REPEATS, int(repeats)) if repeats.isdecimal() and len(repeats) < 9 else 1
            case "page":
                self.pages += 1
                self._flow.line(f"[Slide {self.pages}]")
            case "table" if self._is_sheet:
                self.pages += 1
                self._flow.line(f"[Sheet: {event.get('name')}]")

    def _end(self, event: Event) -> None:
        match event.name:
            case "p" | "h":
                self._paragraphs -= 1
                prefix = self._heading or ("- " if self._lists else "")
                self._flow.end_paragraph(prefix, is_close=bool(self._lists))
                self._heading = ""
            case "list":
                self._lists -= 1
            case "table-cell" | "covered-table-cell":
                self._flow.end_cell(self._repeats)
            case "table-row":
                self._flow.end_row()
            case "table":
                self._flow.end_block()

"""The text of a Word document (.docx): paragraphs, headings, lists, tables, footnotes."""

import re

from app.attachments.flowing import Flow
from app.attachments.package import Event, Package
from app.attachments.sink import TextSink

DOCUMENT = "word/document.xml"
_FOOTNOTES = "word/footnotes.xml"
_HEADING = re.compile(r"(?i)^heading ?([1-6])$")


def read_word(package: Package, sink: TextSink) -> int:
    """Write the text; a Word file doesn't know its pages: returns 0."""
    for part in (DOCUMENT, _FOOTNOTES):
        _read_part(package, part, Flow(sink))
    return 0


def _read_part(package: Package, part: str, flow: Flow) -> None:
    is_text, skipped, prefix = False, 0, ""
    for event in package.events(part):
        if event.kind == "text":
            if is_text and not skipped:
                flow.add(event.text)
        elif event.name == "Fallback":  # says once more what stands in Choice
            skipped += 1 if event.kind == "start" else -1
        elif skipped:
            continue
        elif event.name == "t":
            is_text = event.kind == "start"
        elif event.kind == "start":
            prefix = _begin(event, flow, prefix)
        else:
            prefix = _end(event, flow, prefix)


def _begin(event: Event, flow: Flow, prefix: str) -> str:
    match event.name:
        case "tab":
            flow.add("\t")
        case "br" | "cr":
            flow.add("\n")
        case "noBreakHyphen":
            flow.add("-")
        case "tr":
            flow.begin_row()
        case "pStyle":
            heading = _HEADING.match(event.get("val"))
            return "#" * int(heading[1]) + " " if heading else prefix
        case "numPr":
            return prefix or "- "
    return prefix


def _end(event: Event, flow: Flow, prefix: str) -> str:
    match event.name:
        case "p":
            flow.end_paragraph(prefix, is_close=prefix == "- ")
            return ""
        case "tc":
            flow.end_cell()
        case "tr":
            flow.end_row()
        case "tbl":
            flow.end_block()
    return prefix

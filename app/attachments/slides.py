"""The text of a presentation (.pptx): slide by slide in their order, with tables and the speaker's notes."""

import re

from app.attachments.flowing import Flow
from app.attachments.package import Package
from app.attachments.sink import TextSink

PRESENTATION = "ppt/presentation.xml"
_SLIDE = re.compile(r"ppt/slides/slide(\d+)\.xml")


def read_slides(package: Package, sink: TextSink) -> int:
    """Write the text; returns the number of slides."""
    slides = _slides(package)
    for number, slide in enumerate(slides, 1):
        flow = Flow(sink)
        flow.line(f"[Slide {number}]")
        _read_part(package, slide, flow)
        for target in package.targets(slide).values():
            if target.startswith("ppt/notesSlides/"):
                flow.line("[Notes]")
                _read_part(package, target, flow)
    return len(slides)


def _slides(package: Package) -> list[str]:
    targets = package.targets(PRESENTATION)
    order = [
        targets.get(event.get("r:id"), "")
        for event in package.events(PRESENTATION)
        if event.kind == "start" and event.name == "sldId"
    ]
    named = [slide for slide in order if slide in package.names]
    if named:
        return named
    found = [match for match in map(_SLIDE.fullmatch, package.names) if match]
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]


def _read_part(package: Package, part: str, flow: Flow) -> None:
    is_text, is_field = False, False
    for event in package.events(part):
        starts = event.kind == "start"
        if event.kind == "text":
            if is_text and not is_field:
                flow.add(event.text)
        elif event.name == "t":
            is_text = starts
        elif event.name == "fld":  # a slide's number or date
            is_field = starts
        elif event.name == "br" and starts:
            flow.add("\n")
        elif event.name == "tr":
            (flow.begin_row if starts else flow.end_row)()
        elif event.name == "tc" and not starts:
            flow.end_cell()
        elif event.name == "tbl" and not starts:
            flow.end_block()
        elif event.name == "p" and not starts:
            flow.end_paragraph(is_close=True)
        elif event.name == "txBody" and not starts:
            flow.end_block()

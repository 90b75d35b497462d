"""The text of a workbook (.xlsx): each sheet as comma-separated lines, dates as dates."""

import csv
import datetime
import io
import re
from collections.abc import Iterator

from app.attachments.package import Package
from app.attachments.sink import TextSink

WORKBOOK = "xl/workbook.xml"
_LETTERS = re.compile(r"^([A-Z]{1,3})")
_MOST_COLUMNS = 16_384
# Formats that every workbook knows by number and that show a date or a time (ECMA-376, part 1, 18.8.30).
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NOT_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_EPOCH_1900, _EPOCH_1904 = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)


def read_workbook(package: Package, sink: TextSink) -> int:
    """Write the text; returns the number of sheets."""
    targets = package.targets(WORKBOOK)
    sheets, epoch = [], _EPOCH_1900
    for event in package.events(WORKBOOK):
        if event.kind == "start" and event.name == "sheet":
            sheets.append((event.get("name"), targets.get(event.get("r:id"), "")))
        elif event.name == "workbookPr" and event.get("date1904") in ("1", "true"):
            epoch = _EPOCH_1904
    shared, dates = _shared_strings(package), _date_styles(package)
    for name, part in sheets:
        sink.write(f"[Sheet: {name}]\n")
        for row in _rows(package, part, shared, dates, epoch):
            sink.write(_line(row))
        sink.write("\n")
    return len(sheets)


def _shared_strings(package: Package) -> list[str]:
    found: list[str] = []
    parts: list[str] = []
    is_text, is_reading_aid = False, False
    for event in package.events("xl/sharedStrings.xml"):
        if event.kind == "text":
            if is_text and not is_reading_aid:
                parts.append(event.text)
        elif event.name == "t":
            is_text = event.kind == "start"
        elif event.name == "rPh":  # how to pronounce it
            is_reading_aid = event.kind == "start"
        elif event.name == "si" and event.kind == "end":
            found.append("".join(parts))
            parts.clear()
    return found


def _date_styles(package: Package) -> frozenset[int]:
    """Return the numbers of the cell styles that show a date or a time."""
    own_dates: set[int] = set()
    styles: list[int] = []
    in_cells = False
    for event in package.events("xl/styles.xml"):
        if event.name == "cellXfs":
            in_cells = event.kind == "start"
        elif event.kind == "start" and event.name == "numFmt":
            if _DATE_LETTERS.search(_NOT_FORMAT.sub("", event.get("formatCode"))):
                own_dates.add(_number(event.get("numFmtId")))
        elif event.kind == "start" and event.name == "xf" and in_cells:
            styles.append(_number(event.get("numFmtId")))
    return frozenset(place for place, style in enumerate(styles) if style in _DATE_FORMATS or style in own_dates)


def _rows(
    package: Package, part: str, shared: list[str], dates: frozenset[int], epoch: datetime.datetime
) -> Iterator[list[str]]:
    row: list[str] = []
    value: list[str] = []
    kind, style, column, is_value = "", -1, 0, False
    for event in package.events(part):
        if event.kind == "text":
            if is_value:
                value.append(event.text)
        elif event.name in ("v", "t"):
            is_value = event.kind == "start"
        elif event.name == "c" and event.kind == "start":
            kind, style, value = event.get("t"), _number(event.get("s")), []
            column = _column(event.get("r"), len(row))
        elif event.name == "c":
            text = _cell("".join(value), kind, shared)
            if kind in ("", "n") and style in dates:
                text = _date(text, epoch)
            row.extend([""] * (column - len(row)))
            row.append(text)
        elif event.name == "row" and event.kind == "end":
            yield row
            row = []


def _column(reference: str, following: int) -> int:
    letters = _LETTERS.match(reference)
    if not letters:
        return following
    place = 0
    for letter in letters[1]:
        place = place * 26 + ord(letter) - ord("A") + 1
    return min(place - 1, _MOST_COLUMNS) if place > following else following


def _cell(value: str, kind: str, shared: list[str]) -> str:
    if kind == "s":
        place = _number(value)
        return shared[place] if 0 <= place < len(shared) else ""
    return {"1": "TRUE", "0": "FALSE"}.get(value, value) if kind == "b" else value


def _date(value: str, epoch: datetime.datetime) -> str:
    """Return a day's number as ISO 8601; a time alone is less than a day."""
    try:
        days = float(value)
        moment = epoch + datetime.timedelta(seconds=round(days * 86_400))
    except (ValueError, OverflowError):
        return value
    if 0 <= days < 1:
        return moment.strftime("%H:%M:%S")
    return f"{moment:%Y-%m-%d}" if moment.time() == datetime.time() else f"{moment:%Y-%m-%d %H:%M:%S}"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _line(row: list[str]) -> str:
    if not any(row):
        return ""
    while not row[-1]:
        row.pop()
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()

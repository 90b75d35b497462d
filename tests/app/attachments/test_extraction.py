"""What is taken out of each kind of file, and which files are refused with which reason."""

import codecs
from pathlib import Path

import pytest

from app.attachments.extraction import extract
from app.attachments.outcome import Extract, Note, Refusal, Remark, Trouble
from tests.app.attachments import documents


def read(path: Path, data: bytes) -> Extract:
    path.write_bytes(data)
    outcome = extract(path)
    assert isinstance(outcome, Extract), outcome
    return outcome


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße, 世界 🙂\r\nzwei\rdrei".encode(), "Grüße, 世界 🙂\nzwei\ndrei"),
        (codecs.BOM_UTF8 + b"abc", "abc"),
        ("Grüße".encode("utf-16"), "Grüße"),
        (codecs.BOM_UTF16_BE + "世界".encode("utf-16-be"), "世界"),
        ("plain words without a mark".encode("utf-16-le"), "plain words without a mark"),
        ("Grüße".encode("utf-32"), "Grüße"),
        (b"BMW is a car, GIF a format", "BMW is a car, GIF a format"),
        ("‮abc 𝒳 e" + "́" * 50, "‮abc 𝒳 e" + "́" * 50),
    ],
)
def test_text_in_any_encoding(tmp_path: Path, data: bytes | str, text: str) -> None:
    found = read(tmp_path / "a.txt", data.encode() if isinstance(data, str) else data)
    assert (found.text, found.notes, found.media_type) == (text, (), "text/plain")


def test_an_old_western_file_is_read_and_said_to_be_guessed(tmp_path: Path) -> None:
    found = read(tmp_path / "a.txt", "Grüße – „alt“".encode("cp1252"))
    assert found.text == "Grüße – „alt“"
    assert found.notes == (Note(Remark.GUESSED_ENCODING),)


def test_word(tmp_path: Path) -> None:
    text = read(tmp_path / "a.docx", documents.docx()).text
    assert text == "# The plan\n\nFirst sentence.\n\n- one\n- two\nName | Age\nIda | 41"


def test_word_says_once_what_stands_twice_for_older_readers(tmp_path: Path) -> None:
    twice = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        "<mc:Choice><w:p><w:r><w:t>once</w:t></w:r></w:p></mc:Choice>"
        "<mc:Fallback><w:p><w:r><w:t>once</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>"
    )
    assert read(tmp_path / "a.docx", documents.docx(twice)).text == "once"


def test_workbook_with_a_date(tmp_path: Path) -> None:
    found = read(tmp_path / "a.xlsx", documents.xlsx())
    assert found.text == '[Sheet: Costs]\nDay,,"a, b"\n2023-03-15,3.5,TRUE'
    assert found.pages == 1


def test_slides_in_their_order_with_notes(tmp_path: Path) -> None:
    found = read(tmp_path / "a.pptx", documents.pptx())
    assert found.text.split("\n\n") == ["[Slide 1]", "shown first", "[Notes]", "say this", "[Slide 2]", "shown second"]
    assert found.pages == 2


def test_open_document_text_sheet_and_slides(tmp_path: Path) -> None:
    body = (
        '<office:text><text:h text:outline-level="2">Top</text:h><text:p>a<text:s text:c="2"/>b</text:p>'
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<text:list><text:list-item><text:p>one</text:p></text:list-item></text:list></office:text>"
    )
    assert read(tmp_path / "a.odt", documents.open_document("text", body)).text == "## Top\n\na  b\n\n- one"
    rows = (
        '<table:table-row><table:table-cell table:number-columns-repeated="2"><text:p>x</text:p></table:table-cell>'
        '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
    )
    sheet = f'<office:spreadsheet><table:table table:name="S">{rows}</table:table></office:spreadsheet>'
    assert read(tmp_path / "a.ods", documents.open_document("spreadsheet", sheet)).text == "[Sheet: S]\n\nx | x"
    slides = "<office:presentation><draw:page><text:p>hello</text:p></draw:page></office:presentation>"
    found = read(tmp_path / "a.odp", documents.open_document("presentation", slides))
    assert (found.text, found.pages) == ("[Slide 1]\n\nhello", 1)


def test_rich_text(tmp_path: Path) -> None:
    data = rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\*\generator X;}\uc1 Gr\'fc\u223\'dfe \{x\} \u-10179?\u-8704?\par End}"
    assert read(tmp_path / "a.rtf", data).text == "Grüße {x} \U0001f600\n\nEnd"


def test_pdf_counts_pages_that_are_pictures(tmp_path: Path) -> None:
    found = read(tmp_path / "a.pdf", documents.pdf("Hello there", "", "The end"))
    assert found.text == "[Page 1]\nHello there\n\n[Page 3]\nThe end"
    assert (found.pages, found.notes) == (3, (Note(Remark.PICTURE_PAGES, 1, 3),))


def test_a_long_text_is_cut_and_it_is_said(tmp_path: Path) -> None:
    found = read(tmp_path / "a.txt", b"x" * 3_000_000)
    assert len(found.text) == 2_000_000
    assert found.notes == (Note(Remark.CUT, 2_000_000),)


@pytest.mark.parametrize(
    ("name", "data", "trouble"),
    [
        ("a.txt", b"", Trouble.EMPTY),
        ("a.txt", b" \n ", Trouble.NO_TEXT),
        ("a.txt", bytes(range(256)) * 20, Trouble.BINARY),
        ("a.txt", b"\x7fELF" + bytes(100), Trouble.BINARY),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(10), Trouble.PICTURE),
        ("a.txt", b"BM" + b"\1\2\3\4" + bytes(40), Trouble.PICTURE),
        ("a.mp4", b"\0\0\0\x18ftypisom", Trouble.SOUND),
        ("a.gz", b"\x1f\x8b" + bytes(10), Trouble.ARCHIVE),
        ("a.zip", documents.zipped({"b.txt": "x"}), Trouble.ARCHIVE),
        ("a.docx", documents.zipped({"b.docx": documents.docx()}), Trouble.ARCHIVE),
        ("a.docx", documents.docx()[:200], Trouble.DAMAGED),
        ("a.docx", documents.zipped({"word/document.xml": "<a><b></a>"}), Trouble.DAMAGED),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), Trouble.OLD_OFFICE),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), Trouble.PROTECTED),
        ("a.pdf", documents.locked_pdf(), Trouble.PROTECTED),
        ("a.pdf", documents.pdf("", ""), Trouble.NO_TEXT),
        ("a.pdf", b"%PDF-1.4\ngarbage", Trouble.DAMAGED),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_no_text_is_refused(tmp_path: Path, name: str, data: bytes, trouble: Trouble) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert extract(path) == Refusal(trouble)


def test_many_files_in_a_package_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(documents.zipped({"word/document.xml": "<a/>"} | {f"{number}": "" for number in range(10_001)}))
    assert extract(path) == Refusal(Trouble.UNPACKS_TOO_FAR)

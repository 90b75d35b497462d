"""No text that a model writes makes Qt open a file or a connection."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QImage, QTextDocument
from pytestqt.qtbot import QtBot

from app.widgets.basics.safe_document import SafeDocument
from app.widgets.basics.theme import LIGHT
from app.widgets.text.text_view import TextView
from tests.tracing import why_not

ROOT = Path(__file__).parents[4]
HTML = """
<p>before <img src="{target}" width="40"> after</p>
<p style="background-image: url({target})">x</p>
<link rel="stylesheet" href="{target}"><style>@import url("{target}");</style>
<table background="{target}"><tr><td style="background-image: url('{target}')">y</td></tr></table>
<ul style="list-style-image: url({target})"><li>z</li></ul>
"""


def test_every_resource_is_an_empty_picture(qtbot: QtBot) -> None:
    document = SafeDocument()
    for kind in QTextDocument.ResourceType:
        picture = document.resource(kind.value, QUrl("file:///etc/hostname"))
        if kind is QTextDocument.ResourceType.ImageResource:
            assert isinstance(picture, QImage)
            assert (picture.width(), picture.height()) == (1, 1)


def test_the_view_asks_only_its_document(qtbot: QtBot) -> None:
    view = TextView(LIGHT)
    qtbot.addWidget(view)
    assert isinstance(view.document(), SafeDocument)
    assert isinstance(view.loadResource(2, QUrl("file:///etc/hostname")), QImage)
    view.setSource(QUrl("file:///etc/hostname"))
    assert view.toPlainText() == ""


_PROBE = """
import os, sys, time
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtWidgets import QApplication
from app.widgets.basics.fonts import load_fonts
from app.widgets.transcript.message_body import MessageBody
from app.widgets.text.text_view import TextView
from app.widgets.basics.theme import LIGHT, apply_theme
application = QApplication([])
load_fonts()
apply_theme(application, LIGHT)
view = TextView(LIGHT)
view.resize(600, 400)
view.show()
body = MessageBody(LIGHT)
body.resize(600, 400)
body.show()
body.set_text("warm up `x` \\u05d0 \\u6f22 \\U0001f525")
application.processEvents()
os.write(2, b"NOW-THE-HOSTILE-TEXT\\n")
from app.widgets.text.formulas import formulas
view.setHtml(sys.argv[1])
body.set_text(sys.argv[2])
for widget in (view, body):
    widget.resize(500, 700)
    widget.grab()
deadline = time.monotonic() + 60
while formulas()._pending and time.monotonic() < deadline:
    application.processEvents()
application.processEvents()
os.write(2, b"END-OF-HOSTILE-TEXT\\n")
from app.widgets.text.formulas import end_formulas
end_formulas()
"""


def _run_probe(target: str, *before: str) -> subprocess.CompletedProcess[str]:
    html = HTML.format(target=target)
    markdown = f"![x]({target}) [y]({target}) <img src='{target}'>\n\n<{target}>\n\n![z][1]\n\n[1]: {target}\n"
    markdown += f"\n$x^2$ $\\includegraphics{{{target}}}$ $\\input{{{target}}}$ $\\text{{{target}}}$"
    markdown += f" $\\href{{{target}}}{{x}}$ $\\color{{url({target})}}{{x}}$\n"
    command = [*before, sys.executable, "-c", _PROBE, html, markdown]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize("target", ["{folder}/secret-picture", "file://{folder}/secret-picture.png", "secret-picture"])
def test_no_file_is_touched(tmp_path: Path, target: str) -> None:
    secret = QImage(8, 8, QImage.Format.Format_RGB32)
    secret.fill(0)
    secret.save(str(tmp_path / "secret-picture.png"))
    trace = tmp_path / "trace"
    _run_probe(target.format(folder=tmp_path), "strace", "-f", "-e", "trace=file,network,write", "-o", str(trace))
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    begin = next(number for number, line in enumerate(lines) if "NOW-THE-HOSTILE-TEXT" in line and "write(2" in line)
    end = next(number for number, line in enumerate(lines) if "END-OF-HOSTILE-TEXT" in line and "write(2" in line)
    touched = [line for line in lines[begin + 1 : end] if "secret-picture" in line or "connect(" in line]
    assert end > begin
    assert touched == []


def test_no_connection_is_made(qtbot: QtBot) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(0.2)
    seen: list[object] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            try:
                connection, address = listener.accept()
            except TimeoutError:
                continue
            seen.append(address)
            connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        _run_probe(f"http://127.0.0.1:{listener.getsockname()[1]}/x.png")
    finally:
        stop.set()
        watcher.join()
        listener.close()
    assert seen == []

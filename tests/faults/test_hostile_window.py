"""The whole window on hostile text, seen from outside: what a model writes opens no file and no connection."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.conversations.records import MessageState
from app.conversations.store import ConversationStore
from app.paths import locate
from tests.app.hearth_process import ROOT, wait_for
from tests.tracing import why_not

_SECRET = "canary-that-nothing-opens"
_HOSTILE = r"""A picture ![a]({folder}/{secret}.png) and ![b](file://{folder}/{secret}.png) and ![c](file://{secret}/s.png),
![d](\\{secret}\share\x.png) ![e](http://127.0.0.1:{port}/{secret}.png) <img src="{folder}/{secret}.svg">
<a href="file://{folder}/{secret}">link</a> [open](file://{folder}/{secret}) [run](javascript:fetch('http://127.0.0.1:{port}'))
<link rel="stylesheet" href="http://127.0.0.1:{port}/{secret}.css"> <style>@import url({folder}/{secret}.css)</style>

| table ![f]({folder}/{secret}.png) | <object data="{folder}/{secret}"></object> |
|---|---|
| <iframe src="http://127.0.0.1:{port}"></iframe> | http://127.0.0.1:{port}/{secret} |

$\input{{{folder}/{secret}}} + \includegraphics{{{folder}/{secret}.png}} + \href{{file://{folder}/{secret}}}{{x}}$

$$\include{{{folder}/{secret}}} \write18{{touch {folder}/{secret}}}$$

```{folder}/{secret}.py
open("{folder}/{secret}")
```

```html
<img src="{folder}/{secret}.png">
```

[1]: {folder}/{secret}
"""

_DRAWING_SECONDS = 1.5  # the answer is saved before it is drawn

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def test_what_a_model_writes_opens_neither_a_file_nor_a_connection(tmp_path: Path) -> None:
    trace, secrets = tmp_path / "trace", tmp_path / "secrets"
    secrets.mkdir()
    for suffix in ("", ".png", ".svg", ".css", ".py"):
        (secrets / f"{_SECRET}{suffix}").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    text = _HOSTILE.format(folder=secrets, secret=_SECRET, port=9)
    watched = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file,connect,sendto,sendmsg", "-o", str(trace)]
    hearth = subprocess.Popen(
        [*watched, sys.executable, "-m", "tests.app.hearth_process", "echo", "window", text],
        cwd=ROOT,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(lambda: _states() == [MessageState.COMPLETE] * 2, hearth)
        time.sleep(_DRAWING_SECONDS)
        os.killpg(hearth.pid, signal.SIGTERM)
        errors = hearth.communicate(timeout=180)[1]
    finally:
        if hearth.poll() is None:
            os.killpg(hearth.pid, signal.SIGKILL)
            hearth.communicate()

    # Starting the process names the text, as its argument; a path that is opened names nothing but itself.
    calls = [line for line in trace.read_text(errors="replace").splitlines() if "execve(" not in line]
    assert any("conversations" in call for call in calls), "the trace shows what is opened"
    assert [call for call in calls if _SECRET in call] == []
    assert [call for call in calls if "AF_INET" in call] == []
    assert errors == ""


def _states() -> list[MessageState]:
    if not locate().database.exists():
        return []
    store = ConversationStore(locate().database)
    try:
        return [message.state for each in store.list_conversations() for message in store.load_messages(each.id)]
    finally:
        store.close()

"""What the window's process never loads for somebody who only chats: it would cost its start and its memory."""

import json
import subprocess
import sys
from pathlib import Path

from tests.app.hearth_process import ROOT

# The engine's libraries, those of the processes that read files and draw formulas, those of the keyring and of the net.
BANISHED = (
    "torch", "transformers", "huggingface_hub", "gguf", "numpy", "psutil", "safetensors",
    "pypdf", "ziamath", "ziafont", "latex2mathml", "keyring", "cryptography", "secretstorage", "jeepney",
    "hashlib", "ssl", "http", "urllib.request", "email", "importlib.metadata", "asyncio", "multiprocessing", "sqlite3",
    "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtDBus", "PySide6.QtPrintSupport",
)  # fmt: skip
# Opens the window as `hearth` does, and tells what is loaded when what is opened next has been prepared.
_START = """
import gc, json, linecache, sys
from app import cli

def load_and_follow(load_qt=cli.load_qt):
    load_qt()
    from app import main
    from PySide6.QtCore import QTimer

    class Telling(main.Hearth):
        def start(self):
            super().start()
            self.window.pages.models_made.connect(lambda _page: QTimer.singleShot(0, self.tell))

        def tell(self):
            print(json.dumps([gc.isenabled(), sorted(linecache.cache), sorted(sys.modules)]))
            self.window.close()

    main.Hearth = Telling
    main.engine_command = lambda *_, **__: [sys.executable, "tests/scripted_engine.py", "--script", "answer"]

cli.load_qt = load_and_follow
sys.exit(cli.main([]))
"""


def test_the_windows_process_loads_nothing_that_only_others_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    collects, sources, loaded = json.loads(done.stdout)
    assert collects
    own = [name for name in sources if Path(name).is_relative_to(ROOT / "app")]  # .venv may lie in the same folder
    assert own == []  # a hook of PySide6 would have read them all
    assert "app.widgets.models.models_page" in loaded
    assert [name for name in BANISHED if name in loaded] == []
    assert [name for name in loaded if name.startswith("pygments.lexers.") and name != "pygments.lexers._mapping"] == []

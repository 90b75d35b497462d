"""`python -m tests.app.accessibility`: writes down what screen readers find; read it before you keep it."""

import os

from PySide6.QtWidgets import QApplication

from app.widgets.basics.fonts import load_fonts
from app.widgets.text.formulas import end_formulas
from tests.app.accessibility.demo_window import DemoWindow
from tests.app.accessibility.tree import FOLDER, UNSTEADY, tree


def main() -> None:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = QApplication([])
    load_fonts()
    demo = DemoWindow()
    written = set()
    for state in demo.states():
        if state.name not in UNSTEADY:
            (FOLDER / f"{state.name}.txt").write_text(tree(state.widget), encoding="utf-8")
            written.add(state.name)
    for old in FOLDER.glob("*.txt"):
        if old.stem not in written:
            old.unlink()
    demo.end()
    end_formulas()
    application.processEvents()


if __name__ == "__main__":
    main()

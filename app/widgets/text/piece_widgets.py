"""What becomes of the widget of a piece: it goes, it is named, it is kept as somebody works in it."""

from PySide6.QtWidgets import QApplication, QWidget

from app.rendering.spoken import spoken
from app.widgets.text.code_block import CodeBlock
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.text_view import TextView


def discard(widget: QWidget) -> None:
    """Let go of the widget of a piece; nothing of it is seen from now on."""
    for text in (widget, *widget.findChildren(TextView)):
        if isinstance(text, TextView):
            text.stop_waiting()
    widget.hide()
    widget.setParent(None)
    widget.deleteLater()


def name_text(widget: QWidget) -> None:
    """Let a text say itself to screen readers, formulas as LaTeX; other widgets have names of their own."""
    if isinstance(widget, TextView):
        widget.setAccessibleName(spoken(widget.blocks))


def is_used(widget: QWidget) -> bool:
    """Return whether a widget holds what would be lost with it: the keyboard, a selection, a wrapped line."""
    focused = QApplication.focusWidget()
    if focused is not None and (focused is widget or widget.isAncestorOf(focused)):
        return True
    if isinstance(widget, TextView):
        return widget.textCursor().hasSelection()
    if isinstance(widget, CodeBlock):
        return widget.is_kept
    return not isinstance(widget, FormulaBlock) or widget.is_selected


def is_settled(widget: QWidget) -> bool:
    """Return whether no drawing of a formula is still to come, which would change the height."""
    texts, drawings = widget.findChildren(TextView), widget.findChildren(FormulaBlock)
    return not any(text.pending for text in (widget, *texts) if isinstance(text, TextView)) and all(
        each.is_settled for each in (widget, *drawings) if isinstance(each, FormulaBlock)
    )

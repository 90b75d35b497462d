"""The sidebar in order, with all its dots, several chosen; the palette; how warm conversations are."""

from tests.engine_scripts import Script
from tests.screenshots.stored import MIB, TITLES, warmth_of
from tests.screenshots.studio import LARGE, SMALL, Studio

_SCRIPT = Script(context_window=8192)


def draw(studio: Studio) -> None:
    """Draw them."""
    known = studio.known
    _draw_warmth(studio, known)
    _draw_list(studio, known)


def _draw_warmth(studio: Studio, known: dict[str, str]) -> None:
    """Draw an invented state of the tiers: filling them for real would take gigabytes."""
    studio.open(_SCRIPT, known["restored"])
    warmth = warmth_of([known["restored"], *(known[title] for title, _ in TITLES), "deleted"])
    studio.hearth.conversation_model.set_warmth({each.conversation_id: each for each in warmth.conversations})
    studio.draw_sizes("warmth")
    dialogs = studio.window.dialogs
    dialogs.open_memory()
    studio.pause(0.3)  # what the engine says is late enough to take the place of the invented state
    dialogs.show_warmth(warmth)
    dialogs.show_freed(46 * MIB)
    view = dialogs.memory_dialog
    assert view is not None
    view.table.selectRow(2)
    for name, size in (("memory", view.size()), ("memory-small", view.minimumSize())):
        view.resize(size)
        for _ in studio.themes():
            studio.grab(name, view)
    view.close()
    studio.close()


def _draw_list(studio: Studio, known: dict[str, str]) -> None:
    studio.open(_SCRIPT)
    hearth, window, ids = studio.hearth, studio.window, list(known.values())
    hearth.lists.organizing.pin((ids[:2], True))
    hearth.lists.organizing.add_folder(ids[2:4])
    window.page.composer.take_focus()
    folder = hearth.conversation_model.folders[0]
    hearth.lists.organizing.rename_folder((folder.id, "Letters"))
    window.open_requested.emit(known["restored"])
    studio.pause(0.3)
    hearth.conversations.change_known(ids[3:5], is_unread=True)
    hearth.conversation_model.set_running(ids[2:3], ids[5:6])
    studio.draw_sizes("sidebar")
    window.sidebar.list.selectAll()
    studio.draw("sidebar-chosen", SMALL)
    window.sidebar.set_active(known["restored"])
    chosen = window.sidebar.list
    studio.draw_popup("sidebar-menu", lambda: chosen.build_menu(chosen.index_of(ids[3])).popup(window.pos()))
    window.sidebar.rename(known["restored"])
    studio.pause(0.1)
    studio.draw("sidebar-rename", SMALL)
    window.page.composer.take_focus()
    _draw_palette(studio)
    studio.close()


def _draw_palette(studio: Studio) -> None:
    for name, typed in (("recent", ""), ("found", "light"), ("nothing", "zzyx")):
        for size, end in ((LARGE, ""), (SMALL, "-small")):
            studio.window.resize(*size)
            for _ in studio.themes():
                studio.window.actions_by_name.search.trigger()
                studio.hearth.palette.palette.field.setText(typed)
                studio.pause(0.3)
                studio.grab(f"palette-{name}{end}")
                studio.hearth.palette.palette.leave()

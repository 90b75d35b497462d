"""What a screen reader on Linux is told, one JSON object a line: run by Debian's Python, which has AT-SPI's bindings.

python3 -m tests.app.at_spi_reader: {"ready": true} once it listens (false, and no more: no bus for it starts), then
{"focus": [role, name, description]} for each thing that gets the keyboard and {"said": sentence} for each
announcement. Standard library and gi only.
"""

import json
import sys

import gi  # type: ignore[import-not-found]

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # type: ignore[import-not-found]  # noqa: E402

_PATIENCE_MS = 30_000  # for the window's answers: after the usual 0.8 s what a busy machine holds up is not heard


def _tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _on_event(event: Atspi.Event, *_: object) -> None:
    if event.type.startswith("object:announcement"):
        _tell(said=str(event.any_data))
    elif event.detail1:
        source = event.source
        _tell(focus=[source.get_role_name(), source.get_name(), source.get_description()])


def _has_bus() -> bool:
    """Tell whether the bus that readers listen to is there or can be started."""
    try:
        session = Gio.bus_get_sync(Gio.BusType.SESSION)
        asked = ("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None)
        session.call_sync(*asked, Gio.DBusCallFlags.NONE, _PATIENCE_MS, None)
    except GLib.Error:
        return False
    return True


def _main() -> None:
    if not _has_bus():
        _tell(ready=False)
        return
    Atspi.init()
    Atspi.set_timeout(_PATIENCE_MS, _PATIENCE_MS)
    listener = Atspi.EventListener.new(_on_event)
    for kind in ("object:announcement", "object:state-changed:focused"):
        listener.register(kind)
    _tell(ready=True)
    Atspi.event_main()


if __name__ == "__main__":
    _main()

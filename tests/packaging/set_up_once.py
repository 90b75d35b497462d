"""Runs the set-up of a small project with the stand-in for pip; a process of its own, so that it can be killed.

``python set_up_once.py PACKAGING_FOLDER ROOT [start.py's arguments]``
"""

import sys
from pathlib import Path


def main() -> int:
    sys.path.insert(0, sys.argv[1])
    import first_start
    import qt_libraries
    import virtual_environment
    from virtual_environment import VirtualEnvironment

    stand_in = Path(__file__).with_name("pip_stand_in.py")
    install = VirtualEnvironment._pip_run

    def pip_run(self: VirtualEnvironment, installer: list[str], arguments: list[str]) -> None:
        words = [word for word in arguments if not word.startswith("-") and not word.endswith(".txt")]
        install(self, [sys.executable, str(stand_in), str(self.layout.python)], words)

    VirtualEnvironment._pip_run = pip_run
    # ensurepip would take longer than all the rest; Debian has none either.
    virtual_environment.importlib.util.find_spec = lambda name: name == "pip" or None
    first_start._CHECK = 'print(\'{"torch": "2.13.0", "cuda": null, "usable": false}\')'
    qt_libraries.missing = lambda: ()
    return first_start.main(sys.argv[2], sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())

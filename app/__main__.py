"""`python -m app` and the installed script are the `hearth` command."""

import sys

_BROKEN = "Hearth can't start, as a library that it needs could not be loaded"


def main() -> int:
    """Run the command and return its exit status, also for a Ctrl+C while the modules are still being loaded."""
    try:
        try:
            from app.cli import main as run
        except ImportError as error:
            print(f"{_BROKEN} ({error}). Run the installation again to repair it.", file=sys.stderr)
            return 1
        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

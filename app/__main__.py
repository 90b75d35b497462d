"""`python -m app` and the installed script are the `hearth` command."""

import sys


def main() -> int:
    """Run the command and return its exit status, also for a Ctrl+C while the modules are still being loaded."""
    try:
        from app.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""`python -m app` is the `hearth` command."""

import sys

if __name__ == "__main__":
    try:
        from app.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # pressed while the modules were still being loaded
        sys.exit(130)

"""Where the shipped fonts, icons and style sheets lie, in a checkout and in an installed package alike."""

from pathlib import Path

# A wheel puts the folder inside the package (app/assets); a checkout keeps it beside the package.
_CANDIDATES = (Path(__file__).parents[2] / "assets", Path(__file__).parents[3] / "assets")


def asset(*parts: str) -> Path:
    """Return the path of a shipped file, as in ``asset("icons", "plus.svg")``; FileNotFoundError if missing."""
    for folder in _CANDIDATES:
        path = folder.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"Hearth's file {'/'.join(parts)} is missing; reinstall Hearth.")

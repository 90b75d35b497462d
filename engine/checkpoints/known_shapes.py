"""Well-known models by the names that people use for them; their shapes stand in for files that can't be looked at."""

from engine.planning import shapes


def named(reference: str) -> str:
    """Return the name of the known shape that a Hub id, short name or title means, empty if there is none."""
    wanted = reference.strip().casefold()
    for name in shapes.names():
        shape = shapes.shape_of(name)
        hub_id = shape.hub_id.casefold()
        if wanted in (name, hub_id, hub_id.rpartition("/")[2], shape.title.casefold()):
            return name
    return ""

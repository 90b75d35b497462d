"""Well-known models by the names that people use for them; their shapes stand in for files that can't be looked at."""

from engine.planning import shapes

# Rounded numbers of parameters are right within half a percent.
_NEAR = 0.005


def alike(model_type: str, parameters: int) -> str:
    """Return the name of the known shape with that model_type and as many parameters, empty if there is none."""
    for name in shapes.names():
        shape = shapes.shape_of(name)
        if shape.config.get("model_type") == model_type and abs(parameters - shape.parameters) < _NEAR * parameters:
            return name
    return ""


def named(reference: str) -> str:
    """Return the name of the known shape that a Hub id, short name or title means, empty if there is none."""
    wanted = reference.strip().casefold()
    for name in shapes.names():
        shape = shapes.shape_of(name)
        hub_id = shape.hub_id.casefold()
        if wanted in (name, hub_id, hub_id.rpartition("/")[2], shape.title.casefold()):
            return name
    return ""

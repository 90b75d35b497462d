"""What the engine says, as patterns; made from its code by python -m tests.engine_sentences."""

from app.language import mark

# fmt: off
PATTERNS: tuple[str, ...] = (
    mark("A library that the engine needs could not be loaded."),
    mark("Choose a model first."),
    mark("Close other programs, or choose a smaller context window or a smaller model."),
    mark("No model is loaded."),
    mark("Run the installation again to repair it."),
    mark("Something went wrong inside Hearth."),
    mark("There was not enough memory."),
    mark("This command doesn't belong on the compute lane."),
    mark("Try again. If it happens again, copy the details and report them."),
    mark("{0} is not for the library lane."),
    mark("{0} is not for the lookup lane."),
    mark("{0} is not for the transfer lane."),
)

"""What the engine says, as patterns; made from its code by python -m tests.engine_sentences."""

from app.language import mark

# fmt: off
PATTERNS: tuple[str, ...] = (
    mark("; others beside it: {0}"),
    mark("a tensor of {0} in a cache layer can't be stored"),
    mark("a {0} as a name in a cache layer can't be stored"),
    mark("a {0} in a cache layer can't be stored"),
    mark("could not be used (it doesn't answer)"),
    mark("could not be used (its folder is a link)"),
    mark("could not be written ({0})"),
    mark("it belongs to another model or version"),
    mark("it can't be understood ({0})"),
    mark("it doesn't answer"),
    mark("it has another length"),
    mark("it has another name"),
    mark("it is no regular file"),
    mark("its content has changed"),
    mark("its header begins with something else"),
    mark("its header is too long"),
    mark("its ids have changed"),
    mark("its tensors lie elsewhere"),
    mark("no model is loaded"),
    mark("not measured yet"),
    mark("reading again is faster: {0} tokens per second, restoring {1}"),
    mark("restores {0}, reading again does {1}"),
    mark("the disk is nearly full"),
    mark("the running conversation"),
    mark("turned off"),
    mark("{0} ids can't be restored of {1}"),
    mark("{0} tokens per second"),
)

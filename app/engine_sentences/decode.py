"""What the engine says, as patterns; made from its code by python -m tests.engine_sentences."""

from app.language import mark

# fmt: off
PATTERNS: tuple[str, ...] = (
    mark("CUDA graphs need an NVIDIA card"),
    mark("PyTorch picks its flash kernel where no mask is needed, its memory-efficient one elsewhere"),
    mark("PyTorch's fused attention; query heads that share a key head read it once"),
    mark("each token's row of a table is looked up in main memory"),
    mark("layers with the same input are multiplied at once"),
    mark("positions are turned by the conversation's length"),
    mark("recording the step failed: {0}"),
    mark("recording was not wanted"),
    mark("some layers keep states or short windows, whose place changes with each token"),
    mark("the recorded step computed something else"),
    mark("the step is compiled"),
    mark("the step is replayed as a CUDA graph"),
    mark("the weights are spread over several devices, each layer waits for the one before"),
    mark("this architecture computes its attention itself"),
    mark("torch.compile computes wrongly here"),
    mark("torch.compile doesn't work here ({0})"),
    mark("weights in main memory are copied to the card for each token"),
    mark("weights lie packed for this processor, {0}"),
)

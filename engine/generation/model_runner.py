"""Feeds ids to the loaded model and keeps its KV in step. Owns that KV; `kv_choice.py` finds out how to keep it."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from transformers import PreTrainedModel

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.api.plan import KvLayout
from engine.decode import attention, preparing, products
from engine.decode.preparing import Decode, DecodeWay
from engine.decode.rungs import Rungs
from engine.decode.steps import Steps
from engine.generation.kv_check import are_equal
from engine.generation.kv_choice import KvChoice
from engine.generation.kv_way import KvMode, KvWay
from engine.generation.past_check import PastCheck
from engine.hardware.faults import Fault, fault_of
from engine.kv.slab import KvSlab
from engine.quantization.packing import has_packed_weights

# Feeding one id takes about as long as reading so many at once: where the KV takes only single ids, a follow-up is
# fed one by one if it is that much shorter than what would be read again (10 on a CPU, more on a card).
_SINGLE_ID_COSTS = 16
_ALL_RUNGS = Rungs()


class ModelRunner:
    """The model with its KV. All methods run on the compute lane's thread.

    past_check: what is known of the model from earlier loads; None for nothing.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        device: torch.device,
        capacity: int,
        kv_layout: KvLayout = KvLayout.FULL,
        rungs: Rungs = _ALL_RUNGS,
        past_check: PastCheck | None = None,
    ) -> None:
        self._model = model
        self._rungs = rungs
        self._past_check = past_check
        self._device = device
        self._capacity = capacity
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)  # where events are recorded and waited for, whichever card is the first
        attention.prepare(device)
        accepted = inspect.signature(model.forward).parameters
        self._keeps_last = "logits_to_keep" in accepted
        self.takes_positions = "position_ids" in accepted
        # State-space families call the same cache by another name.
        self._cache_argument = "past_key_values" if "past_key_values" in accepted else "cache_params"
        self._cancellation: CancellationToken | None = None
        self.decode = Decode(DecodeWay.EAGER, "")
        self.fed_tokens = 0
        self.way = KvWay(KvMode.SLAB, True, False, kv_layout is KvLayout.WINDOWED)
        self.kv = self._empty_kv()
        for layer in _decoder_layers(model):
            layer.register_forward_pre_hook(self._stop_between_layers)
        head = model.get_output_embeddings()  # type: ignore[no-untyped-call] # transformers leaves it untyped
        if isinstance(head, torch.nn.Module):
            head.register_forward_pre_hook(_with_plain_strides)

    @property
    def device(self) -> torch.device:
        """Where logits are."""
        return self._device

    @property
    def mode(self) -> KvMode:
        """How KV is kept."""
        return self.way.mode

    @property
    def stops_inside_chunks(self) -> bool:
        """Whether a feed can be given up half way without losing what was read before."""
        return self.mode is KvMode.SLAB and self.kv.undoable_tokens > 0

    @property
    def unpacked_layers(self) -> int:
        """How many layers unpack their weights on a processor, for each chunk of a prompt anew."""
        return sum(map(has_packed_weights, _decoder_layers(self._model))) if self._device.type == "cpu" else 0

    @property
    def reads_in_chunks(self) -> bool:
        """Whether a prompt may be fed piece by piece."""
        return self.mode in (KvMode.SLAB, KvMode.GROWING)

    @property
    def keeps_kv(self) -> bool:
        """Whether what was read is of use for the next answer."""
        return self.mode is not KvMode.NONE

    def pays_to_go_on(self, held: int, total: int) -> bool:
        """Return whether going on from `held` ids to `total` is quicker than reading all again."""
        return self.reads_in_chunks or (self.keeps_kv and (total - held) * _SINGLE_ID_COSTS <= total)

    def describe_products(self) -> str:
        """Say in one sentence how linear layers are multiplied, empty if as published."""
        return products.describe(self._model)

    def describe_reuse(self) -> str:
        """Say in one sentence what a follow-up and an edit cost with this architecture."""
        if self.mode is KvMode.NONE:
            return "this architecture can't keep what it has read: each token reads everything again"
        if self.mode is KvMode.WHOLE:
            return "short follow-ups read only what is new, id by id; anything else reads the whole conversation again"
        if self.kv.undoable_tokens and self.kv.is_windowed:
            return "follow-ups and edits near the end read only what is new; earlier edits read the conversation again"
        if not self.kv.can_rewind:
            return "follow-ups read only what is new; edits read the conversation again"
        return "follow-ups, edits and branches read only what is new"

    def choose_mode(self) -> KvMode:
        """Compare the ways of keeping KV with a plain forward, keep the first that agrees; allocates the slab.

        Raises Unfit; errors about the machine (memory, a lost card) get through. Nothing is kept then.
        """
        choice = KvChoice(self, self._model, self._rungs, self._past_check)
        try:
            ids, expected = choice.choose()
            self.decode = self._prepared_decode()
            if self._rungs.compiled and self.decode.way is DecodeWay.EAGER:
                choice.fuse(replace(self._rungs, compiled=False), ids, expected)
        except BaseException:
            self.use(replace(self.way, mode=KvMode.NONE, in_slab=False))
            raise
        self.kv.clear()
        self.fed_tokens = 0
        return self.mode

    def feed(self, ids: Sequence[int], cancellation: CancellationToken | None = None) -> torch.Tensor:
        """Run the model over ids after what the KV holds; return float32 logits (vocabulary,) after the last.

        With a cancellation, a Stop raises Cancelled between two layers. After that, and after any other error, the KV
        holds what it held before, or nothing where all had to be read again or can't be rewound.
        """
        reads_again = self.mode is KvMode.NONE or (self.mode is KvMode.WHOLE and len(ids) > 1 and self.kv.length)
        if reads_again or not self.kv.fits(self.kv.length + len(ids)):
            ids = [*self.kv.ids.tolist(), *ids]
            self.kv.clear()
        return self._fed(ids, cancellation, all_logits=False)[-1]

    def can_check(self, count: int) -> bool:
        """Return whether check() can be given so many ids now."""
        total = self.kv.length + count
        rewinds = self.mode is KvMode.SLAB and self.kv.undoable_tokens >= count
        return rewinds and total <= self.kv.capacity and self.kv.fits(total)

    def check(self, ids: Sequence[int]) -> torch.Tensor:
        """Feed ids that may turn out wrong; return float32 logits (len(ids), vocabulary) after each of them.

        The caller rewinds the KV to those that are right. Errors leave the KV as feed() does.
        """
        return self._fed(ids, None, all_logits=True)

    @torch.inference_mode()
    def _fed(self, ids: Sequence[int], cancellation: CancellationToken | None, *, all_logits: bool) -> torch.Tensor:
        self.fed_tokens += len(ids)
        self._cancellation = cancellation if self.stops_inside_chunks else None
        steps = self._steps_for(len(ids), all_logits)
        try:
            if steps is not None and (replayed := self._replayed(steps, ids)) is not None:
                return replayed
            output = self._forward(ids, cached=self.mode is not KvMode.NONE, all_logits=all_logits)
            logits = (output[0] if all_logits else output[0, -1:]).float()
        except BaseException as error:
            self.kv.realign()
            if isinstance(error, Cancelled):
                self.fed_tokens -= len(ids)  # nothing of it is left
            raise
        finally:
            self._cancellation = None
        self.kv.record(ids)
        return logits

    def _replayed(self, steps: Steps, ids: Sequence[int]) -> torch.Tensor | None:
        try:
            return steps.feed(ids).clone()
        except Cancelled:
            raise
        except Exception as error:  # whatever capturing or the model raises: plain passes may do without it
            self.cannot_record(len(ids), error)
            return None

    def cannot_record(self, count: int, error: Exception) -> None:
        """Run no recorded step of so many ids any more, and none at all if it is one: plain passes do instead.

        Raises the error where those would fail as well.
        """
        if fault_of(error) in (Fault.DEVICE_LOST, Fault.DEVICE_UNFIT):
            raise error
        reason = preparing.failed(error)
        if count > 1 and self.decode.steps is not None:
            self.decode.steps.refuse(count)
        else:
            self.eagerly(reason)

    def eagerly(self, reason: str) -> None:
        """Run no recorded steps any more."""
        self.decode = Decode(DecodeWay.EAGER, reason)

    def feed_plainly(self, token_id: int) -> torch.Tensor:
        """Feed one id by a plain pass; return float32 logits (vocabulary,)."""
        decode, self.decode = self.decode, Decode(DecodeWay.EAGER, "")
        try:
            return self.feed([token_id])
        finally:
            self.decode = decode

    def _steps_for(self, count: int, all_logits: bool) -> Steps | None:
        """Return the recorded steps if so many ids go through one, which gives the logits of all of them."""
        steps = self.decode.steps
        fits = steps is not None and (all_logits or count == 1) and steps.can_feed(count)
        return steps if fits else None

    def chunk_size(self, wanted: int, total: int) -> int:
        """Return how many ids to feed at once on the way to total: all where chunks don't work, else wanted.

        A prompt that is to pass the turn of its position factors passes it at once, as all is read again there: in a
        pass no longer than planned. Windowed layers can take back only so many ids, and need memory beside their
        buffers for more.
        """
        if not self.reads_in_chunks:
            return 1 if self.kv.length and self.keeps_kv else total - self.kv.length
        turn = self.kv.turn
        if turn is not None and self.kv.length <= turn < total:
            return max(wanted, turn + 1) - self.kv.length
        return min(wanted, self.kv.undoable_tokens or wanted)

    def _forward(self, ids: Sequence[int], cached: bool, all_logits: bool = False) -> torch.Tensor:
        """Return logits (1, kept positions, vocabulary)."""
        arguments: dict[str, object] = {"input_ids": torch.tensor([ids], device=self._device), "use_cache": cached}
        if cached:
            arguments[self._cache_argument] = self.kv.cache
        if cached and self.way.tells_positions:
            held = self.kv.length
            arguments["position_ids"] = torch.arange(held, held + len(ids), device=self._device).unsqueeze(0)
        if self._keeps_last and not all_logits:
            arguments["logits_to_keep"] = 1
        logits = self._model(**arguments).logits
        assert isinstance(logits, torch.Tensor)
        return logits

    def _stop_between_layers(self, layer: torch.nn.Module, arguments: object) -> None:
        if self._cancellation is not None:
            self._cancellation.raise_if_cancelled()

    @torch.inference_mode()
    def plain_logits(self, ids: Sequence[int]) -> torch.Tensor:
        """Return float32 logits (len(ids), vocabulary) of a pass over these ids alone, without KV."""
        return self._forward(ids, cached=False, all_logits=True)[0].float()

    def _prepared_decode(self) -> Decode:
        if self.mode is not KvMode.SLAB:
            return Decode(DecodeWay.EAGER, "this architecture's KV can't be kept at fixed addresses")
        self.kv.clear()
        agree = partial(are_equal, dtype=self._model.dtype)
        return preparing.prepare(self._model, self.kv, self._rungs, self.feed, agree)

    def use(self, way: KvWay) -> None:
        """Keep KV that way from now on, and nothing of what was read before."""
        self.way = way
        self.decode = Decode(DecodeWay.EAGER, "")
        self.kv = self._empty_kv()

    def _empty_kv(self) -> KvSlab:
        return KvSlab(self._model.config, self._capacity, self.way.in_slab, self.way.is_windowed)


def _with_plain_strides(head: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Give the output layer the last position as a tensor of its own.

    WORKAROUND torch 2.13: a slice of more positions makes matmul on a CPU copy the whole weight, transposed, for each
    chunk of a prompt (67 of 153 ms for 7 ids behind 5,000 on the starter model).
    """
    states, *rest = arguments
    return (states.clone(memory_format=torch.contiguous_format), *rest) if states.shape[:-1].numel() == 1 else arguments


def _decoder_layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """Return the model's layers in order, or nothing where they aren't one list."""
    count = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return list(module)
    return []

"""Logits to the next id: repetition penalty, temperature, top-k, top-p, min-p, in the order transformers has."""

import math
import secrets
from copy import copy
from dataclasses import dataclass

import torch
from transformers import GenerationConfig

from engine.api.errors import EngineError, ErrorKind, Remedy
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.generation.draws import exponentials

# Enough candidates that the nucleus nearly always lies within them; if not, the whole vocabulary is sorted. A card
# always sorts, which is quicker than waiting to know.
_NUCLEUS_CANDIDATES = 1024


@dataclass(frozen=True)
class SamplingValues:
    """Sampling with every value decided. temperature 0 is greedy; top_k 0, top_p 1 and min_p 0 are off."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    seed: int | None


def decide(wanted: Sampling, published: GenerationConfig | None) -> SamplingValues:
    """Return the user's values, then the publisher's, then Hearth's (temperature 0.7, top-p 0.95)."""

    def choose(name: str, default: float) -> float:
        value = getattr(wanted, name)
        if value is None:
            value = getattr(published, name, None)
        return default if value is None else float(value)

    return SamplingValues(
        temperature=choose("temperature", 0.7),
        top_k=int(choose("top_k", 0)),
        top_p=choose("top_p", 0.95),
        min_p=choose("min_p", 0.0),
        repetition_penalty=choose("repetition_penalty", 1.0),
        seed=wanted.seed,
    )


@dataclass(frozen=True)
class Distribution:
    """What an id is drawn from: int64 ids and their float32 probabilities, (candidates,) each, best first.

    The probabilities need not add up to 1, and those of ids that are ruled out are 0.
    """

    ids: torch.Tensor
    probabilities: torch.Tensor


class Sampler:
    """Draws ids for one generation; the same seed, prompt and model give the same ids on the same device.

    What is drawn depends on seed, position, logits and the ids before, not on how those were found.
    """

    def __init__(self, values: SamplingValues, prompt_ids: list[int], device: torch.device) -> None:
        self._values = values
        self._seed = secrets.randbits(63) if values.seed is None else values.seed
        self._position = len(prompt_ids)
        self._seen = torch.tensor(sorted(set(prompt_ids)), dtype=torch.long, device=device)

    def sample(self, logits: torch.Tensor) -> int:
        """Return the next id from float32 logits of shape (vocabulary,). Raises EngineError if they are no numbers."""
        if not math.isfinite(float(logits.max())):  # the largest is not a number if any is not
            raise no_numbers()
        return int(self.choose(logits))

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the next id as a tensor (1,); on a card nobody waits for it."""
        found = self.distribution(logits)
        chosen = found.ids if len(found.ids) == 1 else self._drawn(found)
        self._take(chosen)
        return chosen

    def take(self, token_id: int) -> None:
        """Go on as if this id had been drawn."""
        # Filled, not copied there: a card's caller waits for a copy, and with it for the step that runs ahead.
        self._take(self._seen.new_full((1,), token_id))

    def _take(self, chosen: torch.Tensor) -> None:
        self._position += 1
        if self._values.repetition_penalty != 1.0:
            self._seen = torch.cat([self._seen, chosen])

    def ahead(self, device: torch.device | None = None) -> "Sampler":
        """Return one that draws the same ids from the same logits, on the device of another model if there is one."""
        drawer = copy(self)
        if device is not None:
            drawer._seen = self._seen.to(device)
        return drawer

    def distribution(self, logits: torch.Tensor) -> Distribution:
        """Return what the next id is drawn from, by logits (vocabulary,); one id where the best is taken."""
        values = self._values
        if values.repetition_penalty != 1.0:
            logits = self._penalised(logits)
        if values.temperature == 0.0:
            best = logits.argmax(keepdim=True)
            return Distribution(best, torch.ones_like(best, dtype=torch.float32))
        scores, ids = self._candidates(logits / values.temperature)
        probabilities = torch.softmax(scores, dim=-1)
        if values.top_p < 1.0:
            before = probabilities.cumsum(-1) - probabilities
            probabilities = torch.where(before < values.top_p, probabilities, 0.0)
        if values.min_p > 0.0:
            probabilities = torch.where(probabilities >= values.min_p * probabilities[0], probabilities, 0.0)
        return Distribution(ids, probabilities)

    def _drawn(self, found: Distribution) -> torch.Tensor:
        # argmax takes the first of equals: the best where top_p leaves none.
        numbers = exponentials(self._seed, self._position, found.ids)
        # A tensor as an index would make a card's caller wait.
        return found.ids.index_select(0, (found.probabilities / numbers).argmax(keepdim=True))

    def _penalised(self, logits: torch.Tensor) -> torch.Tensor:
        """Keskar et al., CTRL (arXiv 1909.05858): seen ids' logits divided if positive, multiplied if negative."""
        seen = logits[self._seen]
        penalty = self._values.repetition_penalty
        return logits.index_copy(0, self._seen, torch.where(seen > 0, seen / penalty, seen * penalty))

    def _candidates(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores and ids, best first, of all candidates that top-k and top-p can leave."""
        size = logits.shape[-1]
        if self._values.top_k > 0:
            scores, ids = logits.topk(min(self._values.top_k, size))
            return scores, ids
        if self._values.top_p < 1.0 and size > _NUCLEUS_CANDIDATES and logits.device.type == "cpu":
            scores, ids = logits.topk(_NUCLEUS_CANDIDATES)
            inside = torch.exp(torch.logsumexp(scores, -1) - torch.logsumexp(logits, -1))
            if inside >= self._values.top_p:
                # Softmax over the candidates must still sum to their share of the whole, so the rest is one entry.
                rest = torch.log1p(-inside.clamp(max=1 - 1e-7)) + torch.logsumexp(logits, -1)
                return torch.cat([scores, rest.reshape(1)]), torch.cat([ids, ids[-1:]])
        scores, ids = logits.sort(descending=True)
        return scores, ids


def no_numbers() -> EngineError:
    """Return what to tell where logits are no numbers.

    Damaged weights compute no numbers; in FP16, whose largest number is 65,504, some healthy ones don't either.
    """
    return EngineError(
        ErrorKind.CHECKPOINT_INCOMPLETE,
        "The model computes nothing that an answer could be chosen from: its weights are damaged, or too large for "
        "this precision.",
        "Load it in FP32, or download it again.",
        remedies=(Remedy("Load in FP32", PrecisionChoice.FP32),),
    )

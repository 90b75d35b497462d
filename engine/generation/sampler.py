"""Logits to the next id: repetition penalty, temperature, top-k, top-p, min-p, in the order transformers has."""

from dataclasses import dataclass

import torch
from transformers import GenerationConfig

from engine.api.sampling import Sampling

# Enough candidates that the nucleus nearly always lies within them; if not, the whole vocabulary is sorted.
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


class Sampler:
    """Draws ids for one generation; the same seed, prompt and model give the same ids on the same device."""

    def __init__(self, values: SamplingValues, prompt_ids: list[int], device: torch.device) -> None:
        self._values = values
        self._generator = torch.Generator(device=device)
        if values.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(values.seed)
        self._seen = torch.tensor(sorted(set(prompt_ids)), dtype=torch.long, device=device)

    def sample(self, logits: torch.Tensor) -> int:
        """Return the next id from float32 logits of shape (vocabulary,)."""
        values = self._values
        if values.repetition_penalty != 1.0:
            logits = self._penalised(logits)
        token_id = int(logits.argmax()) if values.temperature == 0.0 else self._draw(logits / values.temperature)
        if values.repetition_penalty != 1.0:
            self._seen = torch.cat([self._seen, self._seen.new_tensor([token_id])])
        return token_id

    def _penalised(self, logits: torch.Tensor) -> torch.Tensor:
        """Keskar et al., CTRL (arXiv 1909.05858): seen ids' logits divided if positive, multiplied if negative."""
        seen = logits[self._seen]
        penalty = self._values.repetition_penalty
        return logits.index_copy(0, self._seen, torch.where(seen > 0, seen / penalty, seen * penalty))

    def _draw(self, logits: torch.Tensor) -> int:
        scores, ids = self._candidates(logits)
        values = self._values
        probabilities = torch.softmax(scores, dim=-1)
        if values.top_p < 1.0:
            before = probabilities.cumsum(-1) - probabilities
            probabilities = torch.where(before < values.top_p, probabilities, 0.0)
            if probabilities[0] <= 0:
                return int(ids[0])
        if values.min_p > 0.0:
            probabilities = torch.where(probabilities >= values.min_p * probabilities[0], probabilities, 0.0)
        return int(ids[torch.multinomial(probabilities, 1, generator=self._generator)])

    def _candidates(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores and ids, best first, of all candidates that top-k and top-p can leave."""
        size = logits.shape[-1]
        if self._values.top_k > 0:
            scores, ids = logits.topk(min(self._values.top_k, size))
            return scores, ids
        if self._values.top_p < 1.0 and size > _NUCLEUS_CANDIDATES:
            scores, ids = logits.topk(_NUCLEUS_CANDIDATES)
            inside = torch.exp(torch.logsumexp(scores, -1) - torch.logsumexp(logits, -1))
            if inside >= self._values.top_p:
                # Softmax over the candidates must still sum to their share of the whole, so the rest is one entry.
                rest = torch.log1p(-inside.clamp(max=1 - 1e-7)) + torch.logsumexp(logits, -1)
                return torch.cat([scores, rest.reshape(1)]), torch.cat([ids, ids[-1:]])
        scores, ids = logits.sort(descending=True)
        return scores, ids

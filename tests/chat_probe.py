"""A conversation with a loaded session, and the same prompt answered cold by transformers' own generate."""

from pathlib import Path

import torch

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate
from engine.api.message import PromptMessage, Role
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Report, Result

GREEDY = Sampling(temperature=0.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0)


def user(text: str) -> PromptMessage:
    return PromptMessage(role=Role.USER, content=text)


def answered(session: ChatSession, result: Result) -> PromptMessage:
    return PromptMessage(
        role=Role.ASSISTANT,
        content=result.text,
        token_ids=result.token_ids,
        tokenizer_id=session.plan.tokenizer_id,
    )


class Listener:
    """Collects what a generation reports."""

    def __init__(self) -> None:
        self.text = ""
        self.token_ids: list[int] = []
        self.prefills: list[tuple[int, int, int]] = []

    def report(self) -> Report:
        return Report(prefilled=lambda *numbers: self.prefills.append(numbers), generated=self._generated)

    def _generated(self, text: str, token_ids: tuple[int, ...]) -> None:
        self.text += text
        self.token_ids += token_ids


def command(  # without speculation, which depends on the time
    messages: list[PromptMessage],
    conversation: str = "c",
    maximum_tokens: int = 16,
    sampling: Sampling = GREEDY,
    continue_last: bool = False,
    speculates: bool = False,
) -> Generate:
    chosen = Sampling(
        **{f: getattr(sampling, f) for f in sampling.__struct_fields__ if f != "maximum_tokens"},
        maximum_tokens=maximum_tokens,
    )
    return Generate(
        command_id="g",
        conversation_id=conversation,
        message_id="m",
        messages=tuple(messages),
        sampling=chosen,
        continue_last=continue_last,
        speculates=speculates,
    )


def ask(session: ChatSession, messages: list[PromptMessage], **options: object) -> Result:
    """Answer; also holds what was streamed against what was returned."""
    listener = Listener()
    wanted = command(messages, **options)  # type: ignore[arg-type]
    result = session.answer(wanted, CancellationToken(), listener.report())
    assert listener.text == result.text
    assert tuple(listener.token_ids) == result.token_ids
    return result


def cold_ids(
    session: ChatSession, messages: list[PromptMessage], maximum_tokens: int = 16, *, use_cache: bool = True
) -> tuple[int, ...]:
    """Return what transformers' generate answers to the same prompt ids, end token taken off."""
    prompt = session._prompts.build(messages, False, 0.0)
    with torch.inference_mode():
        output = session.loaded.model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=maximum_tokens,
            do_sample=False,
            use_cache=use_cache,
            eos_token_id=sorted(session._end_ids),
        )
    ids = output[0, len(prompt) :].tolist()
    return tuple(ids[:-1] if ids and ids[-1] in session._end_ids else ids)


def filling(session: ChatSession, tokens: int) -> PromptMessage:
    """Return a message whose whole prompt has a few ids less than this, whatever the tokenizer makes of words."""
    words = ["word"] * tokens
    while (length := len(session._prompts.build((user(" ".join(words)),), False, 0.0))) > tokens:
        words = words[: int(len(words) * min(tokens / length, 0.99))]
    return user(" ".join(words))


def load_session(
    reference: str,
    folder: Path,
    choice: PrecisionChoice = PrecisionChoice.FP32,
    context: int = 1024,
    draft: str = "",
) -> ChatSession:
    """Load a checkpoint on the CPU and make a session of it."""
    loaded = loader.load(
        reference, choice, context, "cpu", folder, CancellationToken(), lambda phase, done, total: None, draft=draft
    )
    return ChatSession(loaded)

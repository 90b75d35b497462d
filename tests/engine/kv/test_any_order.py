"""Whatever is done in whatever order: answers as cold ones, tiers within their budgets, nothing of the forgotten left.

Three conversations with their branches are sent to, edited, regenerated, continued, stopped, prepared, titled,
forgotten and taken over by a new session, as after a restart, of the same model or of another one on the same folder.
"""

import dataclasses
import functools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.commands import PrepareConversation, SuggestTitle
from engine.api.message import PromptMessage, Role
from engine.api.plan import KvLayout, PrecisionChoice
from engine.api.warmth import TierBudgets
from engine.checkpoints import loader
from engine.checkpoints.loader import LoadedModel
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Report
from engine.kv.disk import folder as disk_folder
from engine.kv.memory_tier import MemoryTier, on_device
from engine.kv.slab import KvSlab
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, cold_ids, command, user

# Of each of the six tests.
STEPS = 200
CONTEXT = 384
PAGE = 16
MAXIMUM_TOKENS = 5
NAMES = ("a", "b", "c")
WORDS = ("ship", "letter", "story", "river", "light", "turn", "again", "small", "asks", "Paris", "zwei", "pipe")


@dataclass
class Talk:
    """One conversation: its branches as lists of turns, and words that nobody else uses."""

    secret: str
    branches: list[list[PromptMessage]] = field(default_factory=lambda: [[]])


class World:
    """A model with a session that may be closed and opened again, the conversations, and random choices of what to do.

    known: what was ever read and not forgotten, to compare reuse with. cold: answers of plain generate by prompt.
    """

    def __init__(self, models: tuple[LoadedModel, LoadedModel], folder: Path, budgets: TierBudgets, seed: int) -> None:
        self.models = models
        self.loaded = models[0]
        self.folder = folder
        self.budgets = budgets
        self.random = random.Random(seed)
        self.session = self._new_session()
        self.cold: dict[str, tuple[int, ...]] = {}
        self.talks = {name: self._new_talk() for name in NAMES}
        self.known: dict[tuple[int, str], list[list[int]]] = self._nothing_known()
        self.secrets_forgotten: list[list[int]] = []
        self.restored = self.reused = self.fed = 0

    def step(self) -> str:
        """Do one thing; return its name."""
        done = self.random.choices(
            [
                "send",
                "edit",
                "regenerate",
                "continue",
                "stop",
                "prepare",
                "title",
                "restart",
                "switch",
                "forget",
                "clear",
            ],
            [10, 4, 4, 2, 3, 3, 2, 2, 1, 1, 0.3],
        )[0]
        getattr(self, f"_{done}")(self.random.choice(NAMES))
        return done

    def check(self) -> None:
        """Hold the tiers against their budgets, and their content against what was forgotten."""
        tiers = self.session._warm.tiers
        assert tiers.ram.used_bytes == sum(buffer.data.nbytes for _, buffer in tiers.ram._held.values())
        assert tiers.ram.used_bytes <= tiers.ram.budget_bytes
        if tiers.device is not None:
            assert tiers.device.used_bytes <= tiers.device.budget_bytes
        assert tiers.disk is not None
        assert tiers.disk.used_bytes <= tiers.disk.budget_bytes
        for item in self.session._warm.tree.items.values():
            assert item.owners <= set(NAMES)
            assert item.owners

    def check_forgotten(self) -> None:
        """Look for what was forgotten in every file."""
        disk = self.session._warm.tiers.disk
        assert disk is not None
        assert disk.flush(30)
        content = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        for ids in self.secrets_forgotten:
            for at in range(len(ids) - 5):
                piece = json.dumps(ids[at : at + 6], separators=(",", ":"))[1:-1].encode()
                assert not any(piece in each for each in content)
        for item in self.session._warm.tree.items.values():
            text = json.dumps(item.ids.tolist())
            assert not any(json.dumps(ids[:6])[1:-1] in text for ids in self.secrets_forgotten)

    def _send(self, name: str) -> None:
        branch = self.random.choice(self.talks[name].branches)
        text = " ".join(self.random.choices(WORDS, k=self.random.randint(3, 20)))
        if not branch:
            text = f"{self.talks[name].secret} {text}"
        self._answer(name, [*branch, user(text)], branch)

    def _edit(self, name: str) -> None:
        talk = self.talks[name]
        branch = self.random.choice(talk.branches)
        places = [at for at, message in enumerate(branch) if message.role is Role.USER and at]
        if places:
            at = self.random.choice(places)
            new: list[PromptMessage] = branch[:at]
            self._answer(name, [*new, user(f"rather {self.random.choice(WORDS)}")], new, is_new=True)

    def _regenerate(self, name: str) -> None:
        branch = self.random.choice(self.talks[name].branches)
        if branch:
            self._answer(name, branch[:-1], branch[:-2])

    def _continue(self, name: str) -> None:
        branch = self.random.choice(self.talks[name].branches)
        if branch and branch[-1].content and self._fits(branch):
            ask(self.session, branch, conversation=name, maximum_tokens=2, continue_last=True)

    def _stop(self, name: str) -> None:
        branch = self.random.choice(self.talks[name].branches)
        messages = [*branch, user("stop " + " ".join(self.random.choices(WORDS, k=12)))]
        if not branch or not self._fits(messages):
            return
        token, left = CancellationToken(), self.random.randint(0, 3)

        def tick(*_numbers: object) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                token.cancel()

        self.session.answer(command(messages, name, 20), token, Report(prefilled=tick, generated=tick))

    def _prepare(self, name: str) -> None:
        branch = self.random.choice(self.talks[name].branches)
        if branch and self._fits(branch):
            self.session.prepare(
                PrepareConversation(command_id="p", conversation_id=name, messages=tuple(branch)), CancellationToken()
            )

    def _title(self, name: str) -> None:
        branch = self.random.choice(self.talks[name].branches)
        if branch and self._fits(branch):
            before = self.session._runner.kv.ids.tolist()
            self.session.suggest_title(
                SuggestTitle(command_id="t", conversation_id=name, messages=tuple(branch)), CancellationToken()
            )
            assert self.session._runner.kv.ids.tolist() == before

    def _restart(self, _name: str) -> None:
        self.session.close(30)
        self.session = self._new_session()

    def _switch(self, name: str) -> None:
        """Let the other model go on, from texts and ids alone; its tokenizer is the same, so the ids are equal."""
        self.loaded = self.models[self.loaded is self.models[0]]
        self._restart(name)

    def _forget(self, name: str) -> None:
        secret = self.talks[name].secret
        self.session.forget(name)
        disk_folder.forget(self.folder, name)
        self.secrets_forgotten.append(self.session.loaded.tokenizer(secret, add_special_tokens=False)["input_ids"])
        self.talks[name] = self._new_talk()
        for model in self.models:
            self.known[id(model), name] = []
        self.check_forgotten()

    def _clear(self, _name: str) -> None:
        self.session.clear_warm_state()
        assert disk_folder.stored_files(self.folder) == []
        self.known = self._nothing_known()

    def _answer(
        self, name: str, messages: list[PromptMessage], branch: list[PromptMessage], *, is_new: bool = False
    ) -> None:
        if not self._fits(messages):
            self.talks[name].branches = [[]]
            return
        prompt = self.session._prompts.build(messages, False, 0.0)
        result = ask(self.session, messages, conversation=name, maximum_tokens=MAXIMUM_TOKENS)
        key = json.dumps([self.models.index(self.loaded), prompt])
        if key not in self.cold:
            self.cold[key] = cold_ids(self.session, messages, MAXIMUM_TOKENS)
        assert result.token_ids == self.cold[key]
        statistics = result.statistics
        assert statistics.reused_tokens + statistics.prefilled_tokens == statistics.prompt_tokens
        self.restored += statistics.restored_tokens
        self.reused += statistics.reused_tokens
        self.fed += statistics.prefilled_tokens
        self._hold_against_known(prompt, statistics.prefilled_tokens)
        self.known[id(self.loaded), name].append([*prompt, *result.token_ids[:-1]])
        if not result.text.strip():
            return  # half a character or blanks: the window gives no model an answer without text
        longer = [*messages, answered(self.session, result)]
        talk = self.talks[name]
        if is_new or self.random.random() < 0.3:
            talk.branches = [*talk.branches[-3:], longer]
        else:
            talk.branches = [longer if each is branch else each for each in talk.branches]

    def _hold_against_known(self, prompt: list[int], fed: int) -> None:
        """With room for everything, only what no conversation has had so far is read."""
        if self.budgets.ram_bytes is not None or self.session._warm.needs_turn_states:
            return
        known = [ids for (model, _), talk in self.known.items() if model == id(self.loaded) for ids in talk]
        best = max((_common(prompt, each) for each in known), default=0)
        assert fed <= max(len(prompt) - best, 1)

    def _nothing_known(self) -> dict[tuple[int, str], list[list[int]]]:
        return {(id(model), name): [] for model in self.models for name in NAMES}

    def _fits(self, messages: list[PromptMessage]) -> bool:
        return len(self.session._prompts.build(messages, False, 0.0)) < CONTEXT - 60

    def _new_session(self) -> ChatSession:
        """Open a session; where memory is tight, main memory stands for a card's memory beside the slab."""
        session = ChatSession(self.loaded, self.folder, self.budgets)
        if self.budgets.device_bytes is not None:
            session._warm.tiers.device = MemoryTier(self.budgets.device_bytes, on_device(torch.device("cpu")))
        return session

    def _new_talk(self) -> Talk:
        letters = "".join(self.random.choices("bcdfghjklmnpqrstvwxz", k=14))
        return Talk(secret=letters)


def _common(left: list[int], right: list[int]) -> int:
    return next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


@pytest.fixture(params=["llama", "gemma3", "lfm2"], scope="module")
def models(request: pytest.FixtureRequest, tiny_folder: Path) -> tuple[LoadedModel, LoadedModel]:
    """A model of full attention, of sliding windows kept as such, or a hybrid, and another one of the same name."""
    layout = KvLayout.WINDOWED if request.param == "gemma3" else KvLayout.FULL
    return _load(request.param, tiny_folder, layout), _load("qwen3", tiny_folder)


def _load(name: str, folder: Path, layout: KvLayout = KvLayout.FULL) -> LoadedModel:
    path = str(tiny_checkpoints.make(name, folder))
    found = loader.load(path, PrecisionChoice.FP32, CONTEXT, "cpu", folder, CancellationToken(), lambda *_: None)
    return dataclasses.replace(found, plan=msgspec.structs.replace(found.plan, name="tiny", kv_layout=layout))


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages and windows so small that these conversations have many."""
    for module in ("tree", "warm_conversations", "opening"):
        monkeypatch.setattr(f"engine.kv.{module}.PAGE_TOKENS", PAGE)
    slab = functools.partial(KvSlab, slack_tokens=32)
    monkeypatch.setattr("engine.generation.model_runner.KvSlab", slab)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads only wait for each other over matrices this small
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("is_tight", [False, True], ids=["room for all", "tight"])
def test_any_order_of_operations(models: tuple[LoadedModel, LoadedModel], tmp_path: Path, is_tight: bool) -> None:
    budgets = TierBudgets(device_bytes=60_000, ram_bytes=120_000, disk_bytes=400_000) if is_tight else TierBudgets()
    world = World(models, tmp_path / "kv", budgets, seed=20 + is_tight)
    counts: dict[str, int] = {}
    for _ in range(STEPS):
        done = world.step()
        counts[done] = counts.get(done, 0) + 1
        world.check()
    world.check_forgotten()
    world.session.close(30)
    assert min(counts.get(name, 0) for name in ("send", "edit", "regenerate", "restart", "switch", "forget")) >= 3
    assert world.restored > 0

"""Tests for reading what people paste when they mean a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.errors import EngineError, ErrorKind
from engine.hub.address import HubAddress, parse
from engine.hub.session import repository_path

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "hub_id", "revision"),
    [
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B", ""),
        ("  'Qwen/Qwen3-8B' \n", "Qwen/Qwen3-8B", ""),
        ("“Qwen/Qwen3-8B”", "Qwen/Qwen3-8B", ""),
        ("\ufeffQwen/Qwen3-8B/", "Qwen/Qwen3-8B", ""),
        ("gpt2", "gpt2", ""),
        ("owner/name@v1.0", "owner/name", "v1.0"),
        ("owner/name@refs/pr/3", "owner/name", "refs/pr/3"),
        ("https://huggingface.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", ""),
        ("HTTPS://HuggingFace.co/Qwen/Qwen3-8B/", "Qwen/Qwen3-8B", ""),
        ("http://www.huggingface.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", ""),
        ("huggingface.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", ""),
        ("hf.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", ""),
        ("hf.co/owner/name-GGUF:Q4_K_M", "owner/name-GGUF", ""),
        ("hf.co/gpt2", "gpt2", ""),
        ("https://huggingface.co/gpt2/tree/main", "gpt2", "main"),
        ("https://huggingface.co/owner/name/tree/v2", "owner/name", "v2"),
        ("https://huggingface.co/owner/name/tree/refs%2Fpr%2F7", "owner/name", "refs/pr/7"),
        ("https://huggingface.co/owner/name/tree/refs/pr/7/sub", "owner/name", "refs/pr/7"),
        ("https://huggingface.co/owner/name/blob/main/config.json", "owner/name", "main"),
        ("https://huggingface.co/owner/name/resolve/main/m.safetensors?download=true", "owner/name", "main"),
        (f"https://huggingface.co/owner/name/commit/{SHA}", "owner/name", SHA),
        ("https://huggingface.co/owner/name/discussions/4", "owner/name", ""),
        ("https://huggingface.co/owner/name?library=transformers#usage", "owner/name", ""),
        ("https://huggingface.co/api/models/owner/name/revision/v1", "owner/name", "v1"),
        ("<https://huggingface.co/owner/name>.", "owner/name", ""),
        ("Look at https://huggingface.co/owner/name, it is good", "owner/name", ""),
        ("git clone https://huggingface.co/owner/name.git", "owner/name", ""),
        ("git@hf.co:owner/name", "owner/name", ""),
        ("git clone git@hf.co:owner/name", "owner/name", ""),
        ("hf download owner/name", "owner/name", ""),
        ("hf download owner/name --revision v3 --local-dir x", "owner/name", "v3"),
        ("huggingface-cli download 'owner/name'", "owner/name", ""),
        ('vllm serve "owner/name"', "owner/name", ""),
        ("ollama run hf.co/owner/name:Q8_0", "owner/name", ""),
        ('AutoModelForCausalLM.from_pretrained("owner/name")', "owner/name", ""),
        ('model = X.from_pretrained( "owner/name", dtype="auto", revision="v9")', "owner/name", "v9"),
        ('from_pretrained(pretrained_model_name_or_path="owner/name")', "owner/name", ""),
        ("hf://owner/name@main/config.json", "owner/name", "main"),
    ],
)
def test_what_people_paste_names_the_model(text: str, hub_id: str, revision: str) -> None:
    found = parse(text)
    assert found is not None
    assert (found.hub_id, found.revision) == (hub_id, revision)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "qwen 8b instruct",
        "a small chat model",
        "best model to run locally",
        "./models/mine",
        "/srv/models/mine",
        "~/models",
        "C:\\models\\mine",
        "a/b/c",
        "owner/na me",
        "owner/name@a..b",
        "owner/name@-x",
        "own..er/name",
        "https://huggingface.co/",
        "https://huggingface.co/models?search=qwen",
        "https://huggingface.co/docs/transformers",
        "https://example.org/owner/name",
        "https://huggingface.co.example.org/owner/name",
        "https://[broken/owner/name",
        "http://huggingface.co:99999/a/b",
        "x" * 5000,
    ],
)
def test_words_and_paths_are_no_models(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/datasets/owner/name",
        "hf.co/spaces/owner/name",
        "https://huggingface.co/api/datasets/owner/name",
        "hf://datasets/owner/name",
    ],
)
def test_what_is_no_model_is_said_to_be_none(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        parse(text)
    assert caught.value.report.kind is ErrorKind.INVALID_COMMAND
    assert "not of a model" in caught.value.report.message


def test_a_mirror_counts_like_the_hub_itself() -> None:
    address = HubAddress("owner/name", "v1", is_link=True)
    assert parse("https://mirror.example/owner/name/tree/v1", "https://mirror.example") == address
    assert parse("mirror.example/owner/name/tree/v1", "https://mirror.example/") == address
    assert parse("http://127.0.0.1:8080/hub/owner/name/tree/v1", "http://127.0.0.1:8080/hub") == address
    assert parse("http://127.0.0.1:8081/hub/owner/name/tree/v1", "http://127.0.0.1:8080/hub") is None
    assert parse("http://127.0.0.1:8080/else/owner/name", "http://127.0.0.1:8080/hub") is None
    assert parse("https://huggingface.co/owner/name/tree/v1", "https://mirror.example") == address
    assert parse("https://mirror.example/owner/name") is None


_PIECES = st.sampled_from([
    "https://", "http://", "hf://", "huggingface.co", "hf.co", "/", "//", "owner", "name", "@", ":", "tree", "blob",
    "refs", "pr", "1", "?", "#", ".git", "..", "--", "%", "%2F", "'", '"', "(", "from_pretrained(\"", "[", "]",
    "download ", "--revision ", "git@", " ", "\n", "\u200b", "é", "\ud800",
])  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(_PIECES, max_size=12).map("".join)), st.sampled_from(["", "http://h:1/p", "[", "x"])
)
def test_whatever_is_pasted_gives_a_usable_id_or_none(text: str, endpoint: str) -> None:
    try:
        found = parse(text, endpoint)
    except EngineError as error:
        found = None
        kind = error.report.kind
    else:
        kind = ErrorKind.INVALID_COMMAND
    assert kind is ErrorKind.INVALID_COMMAND
    if found is not None:
        assert repository_path(found.hub_id)
        assert ".." not in found.revision
        assert not any(letter.isspace() for letter in found.revision)
        assert parse(found.hub_id) == HubAddress(found.hub_id)


_NAME = st.from_regex(r"[A-Za-z0-9]{1,8}([-_.][A-Za-z0-9]{1,8}){0,2}", fullmatch=True).filter(
    lambda name: not name.endswith(".git")
)
_REVISION = st.from_regex(r"[a-z0-9]{1,8}([-.][a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(
    _NAME, _NAME, _REVISION, st.sampled_from(["", "https://", "http://"]), st.sampled_from(["tree", "blob", "resolve"])
)
def test_every_way_to_write_a_model_names_the_same(
    owner: str, name: str, revision: str, scheme: str, page: str
) -> None:
    hub_id = f"m{owner}/{name}"  # no page of the site
    if name in ("tree", "blob", "raw", "resolve", "blame", "commit", "commits", "revision"):
        return
    plain, exact = HubAddress(hub_id), HubAddress(hub_id, revision)
    assert parse(hub_id) == plain
    assert parse(f"{hub_id}@{revision}") == exact
    assert parse(f"{scheme}huggingface.co/{hub_id}/{page}/{revision}/x.json") == HubAddress(hub_id, revision, True)
    assert parse(f'from_pretrained("{hub_id}", revision="{revision}")') == exact

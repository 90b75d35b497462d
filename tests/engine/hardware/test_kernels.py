"""A kernel is listed if it was tried and gave the right numbers, and for no other reason."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.hardware import bitsandbytes_library, kernels, quantization_kernels
from engine.hardware.kernels import AttentionFindings, working_attention_kernels
from engine.hardware.quantization_kernels import working_quantization_kernels
from engine.hardware.reasons import one_line

REPORT = (
    "import sys\n"
    "from engine.hardware.quantization_kernels import working_quantization_kernels\n"
    "found = working_quantization_kernels(('cpu',))\n"
    "print(found.kernels, found.problem, 'kernels' in sys.modules, sep='|')\n"
)


@pytest.fixture(autouse=True)
def tried_anew() -> Iterator[None]:
    caches = (kernels._tried, quantization_kernels._int8, quantization_kernels._nf4)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_kernels_of_this_processor() -> None:
    assert set(working_attention_kernels(("cpu",)).kernels) == {"cpu flash", "cpu math"}
    found = working_quantization_kernels(("cpu",))
    assert (found.kernels, found.problem) == (("cpu int8", "cpu nf4"), "")


def test_trials_leave_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    working_attention_kernels(("cpu",))
    working_quantization_kernels(("cpu",))
    assert torch.equal(before, torch.get_rng_state())


def test_wrong_attention_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_attend", lambda backend, query, key, value: value)
    assert working_attention_kernels(("cpu",)) == AttentionFindings(())


OF_THE_MOMENT = [
    torch.OutOfMemoryError("CUDA out of memory"),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    torch.AcceleratorError("CUDA error: unspecified launch failure"),
]


@pytest.mark.parametrize("error", OF_THE_MOMENT)
def test_attention_without_room_is_not_listed_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    def full(*_: object) -> torch.Tensor:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(kernels, "_attend", full)
        assert working_attention_kernels(("cpu",)) == AttentionFindings((), is_lasting=False)
    assert "cpu math" in working_attention_kernels(("cpu",)).kernels


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")
def test_a_device_that_is_not_there_has_no_kernels() -> None:
    assert working_attention_kernels(("cuda:0", "mps")) == AttentionFindings(())
    found = working_quantization_kernels(("cuda:0", "mps"))
    assert found.kernels == ()
    assert "cuda int8: " in found.problem
    assert "cuda nf4: " in found.problem
    assert "mps int8: " in found.problem


def test_several_cards_have_what_works_on_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_tried", lambda device, name: name == "math" or (device, name) == ("cuda:1", "flash"))
    assert working_attention_kernels(("cuda:0", "cuda:1")).kernels == ("cuda math",)
    monkeypatch.setattr(quantization_kernels, "_int8", lambda device: "")
    monkeypatch.setattr(quantization_kernels, "_nf4", lambda device: "" if device == "cuda:1" else "too old")
    found = working_quantization_kernels(("cuda:0", "cuda:1"))
    assert (found.kernels, found.problem) == (("cuda int8",), "cuda nf4: too old")


def test_int8_by_the_plain_product_where_the_packed_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> torch.Tensor:
        raise AttributeError("no such operator")

    monkeypatch.setattr(quantization_kernels, "_packed_product", missing)
    assert "cpu int8" in working_quantization_kernels(("cpu",)).kernels


def test_wrong_int8_products_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(inputs: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        return inputs @ weight.to(inputs.dtype).t()

    monkeypatch.setattr(quantization_kernels, "_packed_product", wrong)
    monkeypatch.setattr(quantization_kernels, "_plain_product", wrong)
    found = working_quantization_kernels(("cpu",))
    assert found.kernels == ("cpu nf4",)
    assert found.problem == "cpu int8: the product is wrong"


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("dequantize_4bit", "4-bit weights come back changed"),
        ("matmul_4bit", "the product with 4-bit weights is wrong"),
    ],
)
def test_wrong_4_bit_kernels_are_not_listed(monkeypatch: pytest.MonkeyPatch, function: str, problem: str) -> None:
    assert bitsandbytes_library.bitsandbytes_problem() == ""
    import bitsandbytes

    home = bitsandbytes if function == "matmul_4bit" else bitsandbytes.functional
    right = getattr(home, function)
    monkeypatch.setattr(home, function, lambda *given, **named: right(*given, **named) * float("nan"))
    found = working_quantization_kernels(("cpu",))
    assert (found.kernels, found.problem) == (("cpu int8",), f"cpu nf4: {problem}")


def test_no_room_to_try_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str) -> str:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(quantization_kernels, "nf4_problem", full)
        found = working_quantization_kernels(("cpu",))
        assert (found.problem, found.is_lasting) == ("cpu nf4: there is no memory left to try it", False)
    assert working_quantization_kernels(("cpu",)).problem == ""


@pytest.mark.parametrize("error", OF_THE_MOMENT)
@pytest.mark.parametrize("kernel", ["int8", "nf4"])
def test_what_says_nothing_of_a_kernel_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, kernel: str, error: RuntimeError
) -> None:
    def fail(*_: object) -> str:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(quantization_kernels, "_packed_product", fail)
        patched.setattr(bitsandbytes_library, "_differences", fail)
        found = working_quantization_kernels(("cpu",))
        assert f"cpu {kernel}" not in found.kernels
        assert not found.is_lasting
    assert f"cpu {kernel}" in working_quantization_kernels(("cpu",)).kernels


def python(code: str, *folders: Path) -> tuple[str, str]:
    """Run the code in a Python of its own that looks into the folders first."""
    paths = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n"
    done = subprocess.run([sys.executable, "-c", paths + code], capture_output=True, text=True, timeout=240, check=True)
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("raise ImportError('No module named bitsandbytes')", "No module named bitsandbytes"),
        (
            "raise OSError('/srv/canary/lib python/libbitsandbytes.so: cannot open shared object file')",
            "libbitsandbytes.so: cannot open shared object file",
        ),
        ("raise RuntimeError('\\n\\n===== CUDA Setup failed =====\\nmore')", "CUDA Setup failed"),
        ("x = = 1", "invalid syntax (__init__.py, line 1)"),
    ],
)
def test_a_broken_library_is_a_reason_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, problem: str
) -> None:
    (tmp_path / "bitsandbytes").mkdir()
    (tmp_path / "bitsandbytes" / "__init__.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bitsandbytes", raising=False)
    assert bitsandbytes_library.bitsandbytes_problem.__wrapped__() == problem
    assert "kernels" not in sys.modules
    monkeypatch.setattr(quantization_kernels, "bitsandbytes_problem", lambda: problem)
    monkeypatch.setattr(bitsandbytes_library, "bitsandbytes_problem", lambda: problem)
    found = working_quantization_kernels(("cpu",))
    assert (found.kernels, found.problem) == ((), f"bitsandbytes: {problem}")


def test_native_code_is_fetched_from_nowhere(tmp_path: Path) -> None:
    canary = tmp_path / "called"
    (tmp_path / "kernels.py").write_text(
        f"from pathlib import Path\nPath({str(canary)!r}).touch()\ndef get_kernel(*_, **__): raise RuntimeError\n"
    )
    out, err = python(REPORT, tmp_path)
    assert out == "('cpu int8', 'cpu nf4')||False"
    assert err == ""
    assert not canary.exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ""),
        ("\n\n  first\nsecond", "first"),
        ("can't open /home/ada/.venv/lib/x.so (no such file)", "can't open x.so (no such file)"),
        ("can't open C:\\Users\\ada lovelace\\x.dll", "can't open x.dll"),
        ("see https://example.org/a/b and 3/4 of it", "see https://example.org/a/b and 3/4 of it"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_reasons_are_one_line_without_paths(said: str, expected: str) -> None:
    assert one_line(said) == expected


def test_an_error_without_words_is_its_kind() -> None:
    assert one_line(RuntimeError()) == "RuntimeError"

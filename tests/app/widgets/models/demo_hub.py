"""Invented models, downloads and recommendations, for the widget tests and for looking at the window."""

import msgspec

from app.models.hub_rows import DownloadRow, DownloadState, HubRow, Recommendation
from app.models.plan_words import ModelFit
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.hub import ConnectionStep, Gating, HubCheckpoint, HubDetails, HubFile
from engine.api.plan import Fit, MemoryParts, Plan, Precision

GIB = 2**30
GB = 10**9
NOW = 1_795_251_600.0
DAY = 86_400.0


def checkpoint(hub_id: str, billions: float, gigabytes: float, **more: object) -> HubCheckpoint:
    """Return a model on the Hub; more are further fields."""
    known = {
        "revision": "8f1c0a7d", "architecture": "qwen3", "context_tokens": 40_960, "has_chat_template": True,
        "license": "apache-2.0", "downloads": 1_240_312, "likes": 812, "updated_at": NOW - 40 * DAY,
        "parameters": int(billions * 10**9), "download_bytes": int(gigabytes * GB),
    }  # fmt: skip
    return HubCheckpoint(hub_id=hub_id, **{**known, **more})  # type: ignore[arg-type]


def fit(reference: str, label: str = "Fits (BF16)") -> ModelFit:
    """Return how a model fits."""
    return ModelFit(reference, label, "BF16 needs 15.3 GiB for the weights; 22 GiB are free.")


QWEN = checkpoint("Qwen/Qwen3-8B", 8.19, 16.4)
LLAMA = checkpoint("meta-llama/Llama-3.1-8B-Instruct", 8.03, 16.1, gating=Gating.APPROVAL, license="llama3.1")
GPTQ = checkpoint("someone/Qwen3-14B-GPTQ-Int4", 14.8, 9.9, quantization="4-bit GPTQ", downloads=4_120)
HUGE = checkpoint("Qwen/Qwen3-235B-A22B-Instruct-2507", 235.1, 470.2)
PRIVATE = checkpoint("me/my-secret-finetune-of-a-model-with-quite-a-long-name-v2-final", 1.5, 3.1, is_private=True)
GGUF_ONLY = checkpoint("other/Some-GGUF", 8.0, 0, unusable="It has GGUF files only, which Hearth opens from a folder.")
HOSTILE = checkpoint("<b>evil</b>/\u202etxt.exe\n<img src='http://example.org/x'>\u05e9\u05dc\u05d5\u05dd", 1.0, 2.0)
ROWS = (
    HubRow(QWEN, fit("Qwen/Qwen3-8B"), is_local=True, is_recommended=True),
    HubRow(LLAMA, fit(LLAMA.hub_id)),
    HubRow(GPTQ, fit(GPTQ.hub_id, "Fits (INT4)")),
    HubRow(HUGE, fit(HUGE.hub_id, "Too big")),
    HubRow(PRIVATE, fit(PRIVATE.hub_id, "Fits with less context")),
    HubRow(GGUF_ONLY),
    HubRow(HOSTILE),
)
RECOMMENDED = (
    HubRow(QWEN, fit(QWEN.hub_id), is_recommended=True),
    HubRow(checkpoint("Qwen/Qwen3-4B-Instruct-2507", 4.02, 8.1), fit("x", "Fits (BF16)")),
    HubRow(checkpoint("mistralai/Mistral-Small-3.2-24B", 23.6, 47.2), fit("x", "Fits (INT4)")),
)
PLAN = Plan(
    checkpoint=QWEN.hub_id,
    name="Qwen3 8B",
    revision="8f1c0a7d",
    parameters=8_190_735_360,
    precision=Precision.BF16,
    precision_reason="BF16 needs 15.26 GiB for the weights and 2.81 GiB for the conversation; 22.40 GiB are free.",
    device="cuda:0",
    device_name="NVIDIA GeForce RTX 4090",
    context_window=20_480,
    context_reason="20,480 of 40,960 tokens fit beside the weights.",
    weight_bytes=int(15.26 * GIB),
    kv_bytes_per_token=147_456,
    kv_bytes=int(2.81 * GIB),
    fit=Fit.FITS,
    parts=MemoryParts(
        weights_bytes=int(15.26 * GIB),
        kv_bytes=int(2.81 * GIB),
        working_bytes=int(0.6 * GIB),
        overhead_bytes=int(0.45 * GIB),
        reserve_bytes=int(0.5 * GIB),
        free_bytes=int(22.4 * GIB),
    ),
    expected_tokens_per_second=61.0,
    speed_reason="each token reads 15.26 GiB at 1,008 GB/s.",
)
GPTQ_PLAN = msgspec.structs.replace(
    PLAN,
    checkpoint=GPTQ.hub_id,
    name="Qwen3 14B GPTQ Int4",
    parameters=14_768_307_200,
    precision=Precision.INT4,
    precision_reason="INT4, as published in 4-bit GPTQ: 9.22 GiB of weights + 3.13 for 20,480 tokens + 0.60 to work in "
    "+ 0.45 for CUDA + 0.50 in reserve = 13.90 of 22.40 GiB free on NVIDIA GeForce RTX 4090.",
    quantization="4-bit GPTQ",
    weight_bytes=int(9.22 * GIB),
    kv_bytes_per_token=163_840,
    kv_bytes=int(3.13 * GIB),
    parts=MemoryParts(
        weights_bytes=int(9.22 * GIB),
        kv_bytes=int(3.13 * GIB),
        working_bytes=int(0.6 * GIB),
        overhead_bytes=int(0.45 * GIB),
        reserve_bytes=int(0.5 * GIB),
        free_bytes=int(22.4 * GIB),
    ),
    expected_tokens_per_second=101.0,
    speed_reason="each token reads 9.22 GiB at 1,008 GB/s.",
)
OFFLOADED_PLAN = msgspec.structs.replace(
    GPTQ_PLAN,
    fit=Fit.SLOW,
    precision_reason="INT4, as published in 4-bit GPTQ, partly from main memory, which is slower. 4 bit would need "
    "11.20 GiB and 5.81 are free on NVIDIA GeForce RTX 3050, even with only 2,048 tokens. 3.90 GiB of weights + 0.62 "
    "for 4,096 tokens + 0.44 to work in + 0.40 for CUDA + 0.40 in reserve = 5.76 of 5.81 GiB free on NVIDIA GeForce "
    "RTX 3050. 5.32 GiB are in main memory.",
    device_name="NVIDIA GeForce RTX 3050",
    context_window=4_096,
    context_reason="4,096 tokens is the most where main memory has to help, as more would be slower still.",
    weight_bytes=int(3.901 * GIB),
    kv_bytes=int(0.625 * GIB),
    parts=MemoryParts(
        weights_bytes=int(3.901 * GIB),
        kv_bytes=int(0.625 * GIB),
        working_bytes=int(0.441 * GIB),
        overhead_bytes=int(0.401 * GIB),
        reserve_bytes=int(0.401 * GIB),
        offloaded_bytes=int(5.321 * GIB),
        free_bytes=int(5.811 * GIB),
    ),
    device_map={
        "model.embed_tokens": "cpu",
        **{f"model.layers.{layer}": "cpu" if layer % 2 else "cuda:0" for layer in range(40)},
        "lm_head": "cuda:0",
    },
    expected_tokens_per_second=2.4,
    speed_reason="NVIDIA GeForce RTX 3050 moves 168 GB/s (by its data sheet), and each token reads the weights once, "
    "4.6 GiB of them by way of main memory at 12 GB/s (taken for granted).",
)
FILES = (
    *(HubFile(path=f"model-0000{n}-of-00004.safetensors", size_bytes=int(4.09 * GB)) for n in range(1, 5)),
    HubFile(path="config.json", size_bytes=728, present_bytes=728),
    HubFile(path="tokenizer.json", size_bytes=11_422_654),
)


def details(of: HubCheckpoint = QWEN, **more: object) -> HubDetails:
    """Return the details of a model; more are further fields."""
    known = {
        "files": FILES, "revisions": ("main", "gptq-4bit", "v1.0"), "page": f"https://huggingface.co/{of.hub_id}",
        "missing_bytes": of.download_bytes, "disk_free_bytes": 212 * GB,
    }  # fmt: skip
    return HubDetails(checkpoint=of, **{**known, **more})  # type: ignore[arg-type]


NEEDS_TOKEN = ErrorReport(
    kind=ErrorKind.TOKEN_NEEDED,
    message="This model is only for people who have signed in.",
    hint="Accept the terms on its page, then enter an access token.",
    details="401 Unauthorized",
    link="https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct",
)
NO_NETWORK = ErrorReport(
    kind=ErrorKind.NETWORK,
    message="The Hub can't be reached: no address was found for its name.",
    hint="Look whether this computer is connected, or set a proxy in the settings.",
    details="getaddrinfo failed",
)
DOWNLOADS = (
    DownloadRow("a", QWEN.hub_id, "main", DownloadState.RUNNING, int(7.05 * GB), int(16.4 * GB), 84e6, 111.0),
    DownloadRow("b", GPTQ.hub_id, "v1.0", DownloadState.QUEUED, 0, int(9.9 * GB)),
    DownloadRow(
        "c", HUGE.hub_id, "main", DownloadState.WAITING, int(1.2 * GB), int(470.2 * GB), 0.0, None,
        "The Hub asks to wait; Hearth tries again in 40 seconds.",
    ),
    DownloadRow("d", PRIVATE.hub_id, "main", DownloadState.PAUSED, int(2.2 * GB), int(3.1 * GB)),
    DownloadRow(
        "e", LLAMA.hub_id, "main", DownloadState.FAILED, int(4.0 * GB), int(16.1 * GB), error=NEEDS_TOKEN
    ),
    DownloadRow("f", "HuggingFaceTB/SmolLM2-360M", "main", DownloadState.FINISHED, 720_000_000, 720_000_000),
)  # fmt: skip
LOCAL = (
    LocalCheckpoint("starter", "SmolLM2 135M Instruct", CheckpointKind.STARTER, 270_000_000),
    LocalCheckpoint(
        QWEN.hub_id, "Qwen3-8B", CheckpointKind.HUB_CACHE, int(16.4 * GB), "8f1c0a7d", "qwen3",
        disk_bytes=int(21.1 * GB), used_at=NOW - 3 * DAY,
    ),
    LocalCheckpoint(
        HUGE.hub_id, "Qwen3-235B-A22B-Instruct-2507", CheckpointKind.HUB_CACHE, int(202 * GB), disk_bytes=int(202 * GB),
        total_bytes=int(470.2 * GB), missing_bytes=int(268.2 * GB), wanted_revision="v1.0",
    ),
    LocalCheckpoint(
        "/data/models/poet", "poet", CheckpointKind.FOLDER, int(2.9 * GB), disk_bytes=int(2.9 * GB),
        folder="/data/models/poet",
    ),
    LocalCheckpoint(
        "/data/gguf/tiny.Q4_K_M.gguf", "tiny.Q4_K_M", CheckpointKind.GGUF, int(4.9 * GB), disk_bytes=int(4.9 * GB),
        used_at=NOW - 400 * DAY, folder="/data/gguf",
    ),
)  # fmt: skip
RECOMMENDATIONS = (
    Recommendation(
        QWEN.hub_id, "Qwen3 8B", "Good at most things: writing, explaining, code, many languages.", int(16.4 * GB),
        "Apache 2.0", fit(QWEN.hub_id), is_best=True,
    ),
    Recommendation(
        "mistralai/Mistral-Small-3.2-24B", "Mistral Small 3.2 24B", "Larger and more careful, a little slower.",
        int(47.2 * GB), "Apache 2.0", fit("m", "Fits (INT4)"),
    ),
    Recommendation(
        "Qwen/Qwen3-4B-Instruct-2507", "Qwen3 4B Instruct", "Small and quick; leaves memory for other programs.",
        int(8.1 * GB), "Apache 2.0", fit("s"),
    ),
)  # fmt: skip
STEPS = (
    ConnectionStep(name="Name", succeeded=True, words="huggingface.co was found."),
    ConnectionStep(name="Encryption", succeeded=True, words="The certificate is one that this computer trusts."),
    ConnectionStep(name="Token", succeeded=False, words="The Hub doesn't know the access token. Enter another one."),
)

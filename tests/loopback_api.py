"""A small server on this machine that answers questions about models as the Hub, a mirror or something else would.

Owns one server thread between entering and leaving.
"""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

CERTIFICATES = Path(__file__).with_name("certificates")
COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
TOKEN = "hf_canaryCanaryCanary"
_HELD_SECONDS = 30.0


@dataclass(frozen=True)
class Request:
    """One request as it came in; query has the list of values of each name, headers have small letters."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What is sent back; content is sent as JSON unless it is bytes."""

    content: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Rule = Callable[[Request], Answer | None]


@dataclass
class LoopbackApi:
    """models: the Hub's description of each by id, configs: config.json by id. rule may answer before all else.

    certificate: name of a file in tests/certificates, empty for plain HTTP. Requests wait while held is clear;
    answered: those that went on.
    """

    models: dict[str, dict[str, object]] = field(default_factory=dict)
    configs: dict[str, object] = field(default_factory=dict)
    rule: Rule | None = None
    certificate: str = ""
    requests: list[Request] = field(default_factory=list)
    answered: list[Request] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "LoopbackApi":
        api = self
        self.held.set()

        class Handler(_Handler):
            def __init__(self, *arguments: object) -> None:
                self.api = api
                super().__init__(*arguments)  # type: ignore[arg-type]

        self._server = _Server(("127.0.0.1", 0), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / f"{self.certificate}.pem")
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="loopback-api")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.held.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """The address to pass as endpoint."""
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    def paths(self) -> list[str]:
        """Return the paths that were asked for."""
        return [request.path for request in self.requests]

    def answer(self, request: Request) -> Answer:
        """Return what the Hub would."""
        if self.rule is not None and (found := self.rule(request)) is not None:
            return found
        path = request.path
        if path == "/api/models":
            return self._search(request)
        if path == "/api/whoami-v2":
            known = request.headers.get("authorization") == f"Bearer {TOKEN}"
            return Answer({"name": "somebody"}) if known else Answer({"error": "no"}, 401)
        for hub_id, model in self.models.items():
            if path in (f"/api/models/{hub_id}", f"/api/models/{hub_id}/revision/{COMMIT}"):
                return Answer(model)
            if path == f"/api/models/{hub_id}/revision/main":
                return Answer(model)
            if path == f"/api/models/{hub_id}/refs":
                refs = {"branches": [{"name": "old"}, {"name": "main"}], "tags": [{"name": "v1"}], "converts": []}
                return Answer(refs)
            if path.startswith(f"/api/models/{hub_id}/revision/"):
                return refused("RevisionNotFound", 404)
            if path.startswith(f"/{hub_id}/resolve/") and path.endswith("/config.json") and hub_id in self.configs:
                return Answer(self.configs[hub_id])
        return refused("EntryNotFound" if "/resolve/" in path else "RepoNotFound", 404)

    def _search(self, request: Request) -> Answer:
        task = request.query.get("pipeline_tag", [""])[0]
        words = request.query.get("search", [""])[0].casefold()
        author = request.query.get("author", [""])[0]
        found = [
            model
            for hub_id, model in self.models.items()
            if words in hub_id.casefold()
            and model.get("pipeline_tag", task) == task
            and (not author or hub_id.startswith(f"{author}/"))
        ]
        return Answer(found[: int(request.query.get("limit", ["100"])[0])])


def refused(code: str, status: int, message: str = "") -> Answer:
    """Return how the Hub refuses; code and message stand in the headers it uses."""
    named = (("X-Error-Code", code), ("X-Error-Message", message))
    return Answer({"error": "no"}, status, {name: value for name, value in named if value})


def model(hub_id: str, weights: int = 16_000_000_000, **fields: object) -> dict[str, object]:
    """Return the Hub's description of a chat model in 16 bit with one file of weights; fields replace its own."""
    siblings = [
        {"rfilename": "config.json", "size": 700, "blobId": "a" * 40},
        {"rfilename": "model.safetensors", "size": weights, "blobId": "b" * 40,
         "lfs": {"sha256": "c" * 64, "size": weights, "pointerSize": 134}},
        {"rfilename": "tokenizer.json", "size": 9_000, "blobId": "d" * 40},
        {"rfilename": "pytorch_model.bin", "size": 5, "blobId": "e" * 40},
    ]  # fmt: skip
    described: dict[str, object] = {
        "_id": "1", "id": hub_id, "modelId": hub_id, "sha": COMMIT, "private": False, "gated": False, "downloads": 1000,
        "likes": 10, "lastModified": "2025-04-28T10:00:00.000Z", "pipeline_tag": "text-generation",
        "tags": ["transformers", "safetensors", "license:apache-2.0"], "cardData": {"license": "apache-2.0"},
        "config": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama",
            "tokenizer_config": {"chat_template": "{{ messages }}"},
        },
        "safetensors": {"parameters": {"BF16": weights // 2}, "total": weights // 2}, "siblings": siblings,
    }  # fmt: skip
    return described | fields


def small_config(**fields: object) -> dict[str, object]:
    """Return the config.json of a Llama of about 0.4 million parameters."""
    config: dict[str, object] = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 128, "intermediate_size": 256,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512,
        "max_position_embeddings": 8192, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
    }  # fmt: skip
    return config | fields


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, *_: object) -> None:
        return None  # clients that dislike the certificate, or have had enough


class _Handler(BaseHTTPRequestHandler):
    api: LoopbackApi
    protocol_version = "HTTP/1.0"  # no connection is kept, so that stopping waits for none

    def log_message(self, *_: object) -> None:
        return None

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(unquote(address.path), parse_qs(address.query), headers)
        self.api.requests.append(request)
        self.api.held.wait(_HELD_SECONDS)
        self.api.answered.append(request)
        answer = self.api.answer(request)
        body = answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        self.do_GET()

"""The settings about the Hub: whether and how it is reached, and where downloads lie."""

from app.language import mark
from app.settings.field import DOWNLOADS, Field, FieldKind

HUB_FIELDS: tuple[Field, ...] = (
    Field(
        "work_offline",
        mark("Work offline"),
        mark("Hearth asks nothing of any network: no search, no download. Models on this computer answer as always."),
        DOWNLOADS,
        FieldKind.SWITCH,
    ),
    Field(
        "hub_endpoint",
        mark("Address of the Hub"),
        mark(
            "A mirror of the Hugging Face Hub, as an address that begins with https://. Empty means huggingface.co, or "
            "what HF_ENDPOINT says."
        ),
        DOWNLOADS,
        FieldKind.TEXT,
    ),
    Field(
        "hub_proxy",
        mark("Proxy"),
        mark(
            "The address of a proxy that leads to the internet, such as http://proxy.example:8080. Empty means "
            "what this computer's environment says."
        ),
        DOWNLOADS,
        FieldKind.TEXT,
    ),
    Field(
        "hub_certificates",
        mark("Certificates"),
        mark("A file (PEM) with the certificates of your organisation, if its network needs them."),
        DOWNLOADS,
        FieldKind.FILE,
    ),
    Field(
        "hub_cache",
        mark("Folder for downloads"),
        mark(
            "Where downloaded models lie; other programs for Hugging Face models find them there as well. "
            "Empty means the usual folder. To take what is there along, use “Move…” on the page of models "
            "instead."
        ),
        DOWNLOADS,
        FieldKind.FOLDER,
    ),
)

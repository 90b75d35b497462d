"""The types of settings that aren't the engine's, with their bounds."""

from enum import StrEnum
from typing import Annotated

import msgspec

MAXIMUM_CONTEXT_TOKENS = 16_777_216
MAXIMUM_WARM_GIB = 65_536


class Theme(StrEnum):
    """Colours of the window; SYSTEM follows the desktop."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Language(StrEnum):
    """The words of the window; SYSTEM follows the desktop where Hearth speaks its language."""

    SYSTEM = "system"
    ENGLISH = "en"
    GERMAN = "de"


class ReadAloud(StrEnum):
    """What a screen reader is told of an answer by itself."""

    FINISHED = "finished"
    PARAGRAPHS = "paragraphs"
    NOTHING = "nothing"


TextSize = Annotated[int, msgspec.Meta(ge=10, le=32)]
ContextTokens = Annotated[int, msgspec.Meta(ge=256, le=MAXIMUM_CONTEXT_TOKENS)]
WarmGib = Annotated[float, msgspec.Meta(ge=0, le=MAXIMUM_WARM_GIB)]

"""How the Hub is reached from a terminal: as the settings say, with the token that belongs to its address."""

from app.access_token import AccessTokens, KeyringUnavailable
from app.paths import Paths
from app.settings.file import load
from app.settings.schema import access_from
from app.terminal.output import Output
from engine.api.hub import HubAccess


def hub_access(paths: Paths, output: Output) -> HubAccess:
    """Return the access; a keyring that can't be read is told, and the Hub is asked without a token."""
    settings, _ = load(paths.settings_file)
    token = ""
    if not settings.work_offline:
        try:
            token = AccessTokens(paths.tokens_file).token_for(settings.hub_endpoint)
        except KeyringUnavailable as reason:
            output.say(f"{reason} The Hub is asked without your access token.")
    return access_from(settings, token)

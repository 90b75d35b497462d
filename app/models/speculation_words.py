"""The words for what was guessed ahead in an answer."""

from app.language import grouped, tr
from engine.api.events import Statistics


def guessed_words(statistics: Statistics) -> str:
    """Return how many of the guessed tokens were right, "" if none were guessed.

    E.g. "60 of 90 right (prompt lookup)".
    """
    if not statistics.proposed_tokens:
        return ""
    return tr("{right} of {guessed} right ({how})").format(
        right=grouped(statistics.accepted_tokens),
        guessed=grouped(statistics.proposed_tokens),
        how=statistics.speculation,
    )

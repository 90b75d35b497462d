"""A shown message body, and growing text in it, for the tests of its parts."""

from collections.abc import Callable

from app.widgets.transcript.message_body import MessageBody

MakeBody = Callable[[str], MessageBody]


def stream(body: MessageBody, text: str) -> None:
    """Show growing text at once, as if enough time had passed since the last update."""
    body.set_text(text, streaming=True)
    body.draw_now()

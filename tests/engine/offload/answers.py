"""What a session answers in a conversation, for sessions that have to answer alike."""

from engine.generation.chat_session import ChatSession
from tests.chat_probe import answered, ask, user


def answers(session: ChatSession) -> list[object]:
    """Return the ids of a question, a follow-up and an edit, with what was read for each."""
    first, other = [user("Hello there, what is this?")], [user("Hello there, what else?")]
    result = ask(session, first, maximum_tokens=6)
    follow_up = ask(session, [*first, answered(session, result), user("And then?")], maximum_tokens=6)
    edited = ask(session, other, maximum_tokens=6)
    return [(each.token_ids, each.statistics.reused_tokens) for each in (result, follow_up, edited)]

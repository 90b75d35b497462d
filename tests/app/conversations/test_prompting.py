from app.conversations.prompting import prompt_messages
from app.conversations.records import MessageState
from engine.api.message import PromptMessage, Role
from tests.app.conversations.samples import a_conversation, a_message


def test_system_prompt_comes_first_and_generated_ids_go_along() -> None:
    branch = [
        a_message("hi"),
        a_message("hello", role=Role.ASSISTANT, token_ids=(1, 2), tokenizer_id="t"),
        a_message("more"),
    ]
    assert prompt_messages(a_conversation(system_prompt="Be brief."), branch) == (
        PromptMessage(role=Role.SYSTEM, content="Be brief."),
        PromptMessage(role=Role.USER, content="hi"),
        PromptMessage(role=Role.ASSISTANT, content="hello", token_ids=(1, 2), tokenizer_id="t"),
        PromptMessage(role=Role.USER, content="more"),
    )


def test_a_blank_system_prompt_is_none() -> None:
    assert prompt_messages(a_conversation(system_prompt=" \n"), [a_message("hi")])[0].role is Role.USER


def test_an_answer_without_text_is_left_out_and_its_question_joins_the_next() -> None:
    branch = [
        a_message("first"),
        a_message("x", role=Role.ASSISTANT, content="", state=MessageState.FAILED),
        a_message("second"),
    ]
    assert prompt_messages(a_conversation(), branch) == (PromptMessage(role=Role.USER, content="first\n\nsecond"),)


def test_what_an_answer_said_before_it_failed_stays() -> None:
    branch = [a_message("hi"), a_message("x", role=Role.ASSISTANT, content="Once", state=MessageState.FAILED)]
    assert prompt_messages(a_conversation(), branch)[-1] == PromptMessage(role=Role.ASSISTANT, content="Once")

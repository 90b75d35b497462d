"""Families of models that think: control tokens, a template of their form, and an answer as such a model writes it."""

from dataclasses import dataclass, field

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerBase

from engine.bench import byte_tokenizer
from engine.generation.chat_template import ChatTemplate
from engine.generation.prompt import PromptBuilder

# A turn of ChatML whose answers are printed by the expression in place of ANSWER, with what stands around them.
_TURNS = (
    "{%- for m in messages %}{%- if m.role == 'assistant' %}{{- '<|im_start|>assistant\nBEFORE' + ANSWER + "
    "'AFTER<|im_end|>\n' }}{%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endif %}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\nPROMPT' }}{%- endif %}"
)


def template(answer: str = "m.content", before: str = "", after: str = "", prompt: str = "") -> str:
    """Return a template by what it makes of an answer and how it asks for one."""
    parts = {"ANSWER": answer, "BEFORE": before, "AFTER": after, "PROMPT": prompt}
    made = _TURNS
    for name, text in parts.items():
        made = made.replace(name, text)
    return made


@dataclass(frozen=True)
class Family:
    """written: an answer with the thought "Hm, 2." and the text "It is 4.". follow_up: what the next prompt has of it.

    plain: control tokens that the vocabulary doesn't call special.
    """

    template: str
    written: str
    follow_up: str
    special: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    opened: bool = field(default=False)

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Return a small tokenizer with this family's tokens and template."""
        made = byte_tokenizer.tokenizer()
        for names, is_special in ((self.special, True), (self.plain, False)):
            made.add_tokens([AddedToken(name, special=is_special, normalized=False) for name in names])
        made.chat_template = self.template
        return made

    def builder(self, tokenizer: PreTrainedTokenizerBase) -> PromptBuilder:
        """Return what builds this family's prompts."""
        return PromptBuilder(tokenizer, ChatTemplate(self.template, {}), "tiny")


_REFUSES_TAGS = (
    "{%- for m in messages %}{%- if m.role == 'assistant' and '<|channel|>' in m.content %}"
    "{{- raise_exception('no channels in a content') }}{%- endif %}{%- endfor %}"
)
FAMILIES = {
    "channels": Family(
        _REFUSES_TAGS + template(before="<|channel|>final<|message|>", after="<|end|>"),
        "<|channel|>analysis<|message|>Hm, 2.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.",
        "<|channel|>final<|message|>It is 4.<|end|>",
        special=("<|channel|>", "<|message|>", "<|start|>", "<|end|>"),
    ),
    "begin and content": Family(
        template(before="<|content|>", after="<|end|>"),
        "<|think|>Hm, 2.<|end|><|begin|>assistant<|content|>It is 4.",
        "<|content|>It is 4.<|end|>",
        plain=("<|think|>", "<|content|>", "<|begin|>", "<|end|>"),
    ),
    "brackets, kept": Family(
        template(), "[THINK]Hm, 2.[/THINK]It is 4.", "[THINK]Hm, 2.[/THINK]It is 4.", special=("[THINK]", "[/THINK]")
    ),
    "response tokens": Family(
        template(before="<|START_RESPONSE|>", after="<|END_RESPONSE|>"),
        "<|START_THINKING|>Hm, 2.<|END_THINKING|><|START_RESPONSE|>It is 4.<|END_RESPONSE|>",
        "<|START_RESPONSE|>It is 4.<|END_RESPONSE|>",
        special=("<|START_THINKING|>", "<|END_THINKING|>"),
        plain=("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ),
    "seed, kept": Family(
        template("(m.content | trim)"),
        "<seed:think>Hm, 2.</seed:think>It is 4.",
        "<seed:think>Hm, 2.</seed:think>It is 4.",
        special=("<seed:think>", "</seed:think>"),
    ),
    "a channel that the template takes out": Family(
        template("(m.content.split('<channel|>')[-1] | trim)"),
        "<|channel>thought\nHm, 2.<channel|>It is 4.",
        "It is 4.",
        special=("<|channel>", "<channel|>"),
    ),
    "unused tokens, kept": Family(
        template(),
        "<unused94>thought\nHm, 2.<unused95>It is 4.",
        "<unused94>thought\nHm, 2.<unused95>It is 4.",
        plain=("<unused94>", "<unused95>"),
    ),
    "inner, kept": Family(
        template(),
        "<|inner_prefix|>Hm, 2.<|inner_suffix|>It is 4.",
        "<|inner_prefix|>Hm, 2.<|inner_suffix|>It is 4.",
        special=("<|inner_prefix|>", "<|inner_suffix|>"),
    ),
    "tags as special tokens": Family(
        template("m.content.split('</think>')[-1].lstrip('\n')"),
        "<think>\nHm, 2.\n</think>\n\nIt is 4.",
        "It is 4.",
        special=("<think>", "</think>"),
    ),
    "opened in brackets": Family(
        template("m.content.split('[/THINK]')[-1]", prompt="[THINK]"),
        "Hm, 2.[/THINK]It is 4.",
        "It is 4.",
        special=("[THINK]", "[/THINK]"),
        opened=True,
    ),
    "opened in words, ended by a token": Family(
        template("(m.content.split('[BEGIN FINAL RESPONSE]')[-1] | trim)", prompt="Here are my reasoning steps:\n"),
        "Hm, 2.[BEGIN FINAL RESPONSE]It is 4.",
        "It is 4.",
        special=("[BEGIN FINAL RESPONSE]",),
        opened=True,
    ),
    "tags as text": Family(
        template("m.content.split('</think>')[-1].lstrip('\n')"),
        "<think>\nHm, 2.\n</think>\n\nIt is 4.",
        "It is 4.",
    ),
    "an empty thought before each answer": Family(
        template(before="<think></think>"),
        "<think>\nHm, 2.\n</think>\n\nIt is 4.",
        "<think></think>It is 4.",
    ),
    "opened, and an empty thought before each answer": Family(
        template(before="<think></think>", prompt="<think>\n"),
        "Hm, 2.\n</think>\n\nIt is 4.",
        "<think></think>It is 4.",
        opened=True,
    ),
    "an end of thought before an answer that has none": Family(
        template("(m.content if '</mm:think>' in m.content else '</mm:think>' + m.content)"),
        "<mm:think>Hm, 2.</mm:think>It is 4.",
        "</mm:think>It is 4.",
        special=("<mm:think>", "</mm:think>"),
    ),
    "written in the template's own way": Family(
        template("m.content.replace('</think>\n\n', '</think>\n')"),
        "<think>\nHm, 2.\n</think>\n\nIt is 4.",
        "<think>\nHm, 2.\n</think>\nIt is 4.",
    ),
}

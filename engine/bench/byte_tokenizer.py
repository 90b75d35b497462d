"""A small byte-level tokenizer with a ChatML template, for models with random weights, which come without one."""

from functools import cache

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
EOS_ID = 2
VOCABULARY_SIZE = 384
_CORPUS = (
    "The capital of France is Paris, and the river that runs through it is the Seine.",
    "A conversation has turns: the user asks, the assistant answers, and then the user asks again.",
    "Tell me a story about a small lighthouse that liked to read the letters of passing ships.",
    "def add(first, second):\n    return first + second\n",
    "Zwei Wörter genügen; drei sind mehr. Ceci n'est pas une pipe.",
)


def tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer (384 ids, byte-level, ids 0 to 2 special): the same one at each call."""
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(_tokenizer_json()),
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )


@cache
def _tokenizer_json() -> str:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_CORPUS, trainer)
    return made.to_str()

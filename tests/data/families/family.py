"""A chat template in the manner of a model family, and the tokenizer that it needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """One kind of model.

    Attributes:
        name: Of the family whose habits these are.
        template: Written for these tests; None for a base model without any.
        special: Special tokens of the vocabulary.
        added: Further tokens that are no special ones (as ``<think>`` and ``<tool_call>`` mostly).
        eos: The tokenizer's end token, and ``bos`` its first one.
        stops: More tokens at which the model's configuration ends an answer.
        reasoning: The key by which the template asks for a reasoning.
        text_arguments: Whether the template wants the arguments of calls as text.
    """

    name: str
    template: str | None
    special: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    eos: str = "</s>"
    bos: str | None = "<s>"
    stops: tuple[str, ...] = ()
    reasoning: str = "reasoning_content"
    text_arguments: bool = False


THINK = ("<think>", "</think>")
IM = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

"""How an answer ends: by which token, and what a template puts behind it in its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shadow_mlx.data.chat.rendering import ChatTemplate, TemplateError

PROBE = "\ue000\ue001\ue000"
"""Stands for an answer when a template is probed; no template and no text begins with it."""

_QUESTION = {"role": "user", "content": "x"}
_ANSWER = {"role": "assistant", "content": PROBE}


def behind_answers(template: ChatTemplate) -> str:
    """What the template shows behind the last answer of a conversation; empty if it refuses."""
    try:
        shown = template.text([_QUESTION, _ANSWER], prompt=False)
    except TemplateError:
        return ""
    return shown.rpartition(PROBE)[2] if PROBE in shown else ""


def turn_end(tokenizer: Any, template: ChatTemplate) -> int | None:
    """The special token with which the template ends a turn; None where it ends with none.

    It is not always among the tokenizer's end tokens: base models that carry a chat template
    (Qwen's, for instance) end a text with one token, and their template a turn with another.
    """
    if not template.exists:
        return None
    behind = behind_answers(template).lstrip()
    special = {token.content: number for number, token in _special(tokenizer).items()}
    found = [word for word in special if word and behind.startswith(word)]
    return special[max(found, key=len)] if found else None


class Ending:
    """How a turn ends, told from the tokenizer's tokens as text.

    Args:
        stop: Tokens that end a turn.
        special: All special tokens.
        behind: What the template shows behind an answer.
    """

    def __init__(self, stop: Iterable[str], special: Iterable[str], behind: str = "") -> None:
        self._stop = tuple(sorted({t for t in stop if t}, key=len, reverse=True))
        self._all = tuple({t for t in special if t} | set(self._stop))
        words = behind.strip()
        self._words = "" if words.startswith(self._all) else words

    def find(self, text: str, start: int = 0) -> tuple[int, bool]:
        """Where the turn that begins at ``start`` ends, and whether a stop token ends it.

        What may follow a stop token (a newline, another special token) is the template's, not the
        model's. Without a stop token the turn ends with its last visible character, or in front of
        the words that the template puts behind every answer.
        """
        last = end = max(start, len(text.rstrip()))
        stopped = False
        while text.endswith(self._all, start, end):
            if text.endswith(self._stop, start, end):
                last, stopped = end, True
            token = next(t for t in self._all if text.endswith(t, start, end))
            end = start + len(text[start : end - len(token)].rstrip())
        if not stopped and self._words and text.endswith(self._words, start, end):
            return start + len(text[start : end - len(self._words)].rstrip()), False
        return last, stopped

    def bare(self, answer: str) -> str:
        """An answer without the stop token at its end."""
        return next((answer[: -len(word)] for word in self._stop if answer.endswith(word)), answer)


def special_words(tokenizer: Any) -> list[str]:
    """All special tokens as text."""
    plain = tokenizer._tokenizer
    return [*plain.all_special_tokens, *(token.content for token in _special(tokenizer).values())]


def _special(tokenizer: Any) -> dict[int, Any]:
    added = tokenizer._tokenizer.added_tokens_decoder
    return {int(number): token for number, token in added.items() if token.special}

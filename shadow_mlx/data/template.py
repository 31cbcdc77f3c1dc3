"""A conversation to training texts, with the stretches of text that an assistant turn produced.

At generation time the prompt of turn ``k`` is ``G = render(messages[:k], generation prompt)``;
what the model must learn is to continue it to ``R = render(messages[:k + 1])`` up to the end of
the turn. So each turn's training text is ``R`` and its trained span is ``R`` without ``G``. Where
the text of a turn is a prefix of a later turn's (almost always), one text carries both spans.
Where a template rewrites earlier turns (Qwen 3 removes their reasoning) it is not, and the
conversation becomes several texts: each is exactly what the model sees when it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import jinja2

from shadow_mlx.data.schema import Message

Span = tuple[int, int]
Render = Callable[[Sequence[Message], bool], str]
"""``render(messages, add_generation_prompt)`` gives the text of a conversation."""

_SENTINEL = "\ue000\ue001\ue000"
"""Stands for an answer when a template is probed; no template and no text begins with it."""


class TemplateError(ValueError):
    """The chat template cannot show this conversation; the message is the template's reason."""


@dataclass(frozen=True)
class Rendered:
    """One training text.

    ``spans`` are the trained stretches, ``[start, end)`` in characters. ``probed`` tells that the
    template shows a prompt otherwise once it is answered, so that a span was found by a probe.
    ``bare`` text has been through no template: the tokenizer adds its own first and last token.
    """

    text: str
    spans: tuple[Span, ...]
    probed: bool = False
    bare: bool = False


class Ending:
    """How a turn ends, told from the tokenizer's stop tokens and all its special tokens (text)."""

    def __init__(self, stop: Iterable[str], special: Iterable[str]) -> None:
        self._stop = tuple(sorted({t for t in stop if t}, key=len, reverse=True))
        self._all = tuple({t for t in special if t} | set(self._stop))

    def find(self, text: str, start: int) -> int:
        """Where the turn that begins at ``start`` ends: behind its stop token.

        What may follow a stop token (a newline, another special token) is the template's, not the
        model's. Without a stop token the turn ends with its last visible character.
        """
        last = end = max(start, len(text.rstrip()))
        while text.endswith(self._all, start, end):
            if text.endswith(self._stop, start, end):
                last = end
            token = next(t for t in self._all if text.endswith(t, start, end))
            end = start + len(text[start : end - len(token)].rstrip())
        return last


def render_chat(render: Render, messages: Sequence[Message], ending: Ending) -> list[Rendered]:
    """The training texts of a conversation, in the order of its turns.

    An assistant message with ``"weight": 0`` is context only.

    Raises:
        TemplateError: When the template refuses the conversation.
    """
    texts: list[Rendered] = []
    for k in reversed(range(len(messages))):
        if messages[k]["role"] != "assistant" or messages[k].get("weight") == 0:
            continue
        turn = _render_turn(render, messages[: k + 1], ending)
        later = texts[-1] if texts else None
        if later is not None and later.text.startswith(turn.text):
            spans, probed = turn.spans + later.spans, turn.probed or later.probed
            texts[-1] = Rendered(later.text, spans, probed)
        else:
            texts.append(turn)
    return texts[::-1]


def _render_turn(render: Render, messages: Sequence[Message], ending: Ending) -> Rendered:
    """The text up to the end of the last message's turn; its one span is that turn."""
    text = render(messages, False)
    prompt = _prompt_of(render, messages[:-1])
    probed = prompt is None or not text.startswith(prompt)
    if probed:
        text, start = _probe(render, messages, text, prompt)
    else:
        start = len(prompt or "")
    end = ending.find(text, start)
    return Rendered(text[:end], ((start, end),), probed)


def _prompt_of(render: Render, messages: Sequence[Message]) -> str | None:
    """The generation prompt, or ``None`` where the template has none (nothing was said yet)."""
    if not messages:
        return None
    try:
        return render(messages, True)
    except TemplateError:
        return None


def _probe(
    render: Render, messages: Sequence[Message], text: str, prompt: str | None
) -> tuple[str, int]:
    """A text for a turn whose prompt is not a prefix of it, and where the answer begins in it."""
    probe = render([*messages[:-1], {"role": "assistant", "content": _SENTINEL}], False)
    if _SENTINEL not in probe:
        raise TemplateError("the template does not show what the assistant says")
    start = _shared(text, probe)
    if prompt is None:
        return text, start
    head = text[:start].rstrip()
    last = str(messages[-2]["content"]).strip()
    shared = head[len(head) - _shared(head[::-1], prompt.rstrip()[::-1]) :]
    if not last or last not in shared:
        return text, start  # e.g. a reasoning tag that only the prompt has: train the answer alone
    # The same question stands differently in both, such as a system prompt that Mistral's template
    # shows only in the last user turn. The model answers after the prompt, so learn that.
    answer = text[len(head) :]
    blank = prompt[len(prompt.rstrip()) :]
    if answer.startswith(blank):
        return prompt + answer[len(blank) :], len(prompt)
    return prompt + text[start:], len(prompt)


def _shared(a: str, b: str) -> int:
    """How many characters two texts begin with in common."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a.startswith(b[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def guarded(render: Render) -> Render:
    """Turn what a template raises into :class:`TemplateError`."""

    def safe(messages: Sequence[Message], add_generation_prompt: bool) -> str:
        try:
            return render(messages, add_generation_prompt)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise TemplateError(str(error) or type(error).__name__) from error

    return safe

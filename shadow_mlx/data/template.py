"""A conversation to training texts, with the stretches of text that an assistant turn produced.

At generation time the prompt of turn ``k`` is ``G = render(messages[:k], generation prompt)``;
what the model must learn is to continue it to ``R = render(messages[:k + 1])`` up to the end of
the turn. So each turn's training text is ``R`` and its trained span is ``R`` without ``G``. Where
the text of a turn is a prefix of a later turn's (almost always), one text carries both spans.
Where a template rewrites earlier turns (Qwen 3 removes their reasoning) it is not, and the
conversation becomes several texts: each is exactly what the model sees when it answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shadow_mlx.data.rendering import Render, TemplateError
from shadow_mlx.data.schema import Message

__all__ = ["Ending", "Rendered", "Span", "TemplateError", "render_chat", "shows"]

Span = tuple[int, int]

_SENTINEL = "\ue000\ue001\ue000"
"""Stands for an answer when a template is probed; no template and no text begins with it."""


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
    """How a turn ends, told from the tokenizer's tokens as text.

    Args:
        stop: Tokens that end a turn.
        special: All special tokens.
        default: The stop token for a template that ends its last answer with none.
    """

    def __init__(self, stop: Iterable[str], special: Iterable[str], default: str) -> None:
        self._stop = tuple(sorted({t for t in stop if t}, key=len, reverse=True))
        self._all = tuple({t for t in special if t} | set(self._stop))
        self.default = default

    def find(self, text: str, start: int) -> tuple[int, bool]:
        """Where the turn that begins at ``start`` ends, and whether a stop token ends it.

        What may follow a stop token (a newline, another special token) is the template's, not the
        model's. Without a stop token the turn ends with its last visible character.
        """
        last = end = max(start, len(text.rstrip()))
        stopped = False
        while text.endswith(self._all, start, end):
            if text.endswith(self._stop, start, end):
                last, stopped = end, True
            token = next(t for t in self._all if text.endswith(t, start, end))
            end = start + len(text[start : end - len(token)].rstrip())
        return last, stopped

    def stop_at(self, text: str, place: int) -> int:
        """Length of the stop token that begins at ``place``, or 0.

        GLM's answers end with nothing; the next turn's role token is what stops them.
        """
        return next((len(t) for t in self._stop if text.startswith(t, place)), 0)


@dataclass(frozen=True)
class _Turn:
    """The text up to the end of a turn that begins at ``start``."""

    text: str
    start: int
    stopped: bool
    probed: bool


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
        if texts and texts[-1].text.startswith(turn.text):
            later, end = texts[-1], len(turn.text)
            end += 0 if turn.stopped else ending.stop_at(later.text, end)
            spans = ((turn.start, end), *later.spans)
            texts[-1] = Rendered(later.text, spans, turn.probed or later.probed)
        else:
            text = turn.text if turn.stopped else turn.text + ending.default
            texts.append(Rendered(text, ((turn.start, len(text)),), turn.probed))
    return texts[::-1]


def _render_turn(render: Render, messages: Sequence[Message], ending: Ending) -> _Turn:
    text = render(messages, False)
    prompt = _prompt_of(render, messages[:-1])
    probed = prompt is None or not text.startswith(prompt)
    if probed:
        text, start = _probe(render, messages, text, prompt)
    else:
        start = len(prompt or "")
    end, stopped = ending.find(text, start)
    if not shows(messages[-1], text[start:end]):
        part = "tool calls" if messages[-1].get("tool_calls") else "words"
        raise TemplateError(f"the template leaves out the {part} of message {len(messages)}")
    return _Turn(text[:end], start, stopped, probed)


def shows(message: Message, text: str) -> bool:
    """Whether ``text`` holds an answer's last word, or its calls: some templates leave them out."""
    calls = message.get("tool_calls")
    if calls:
        return all(str(call["function"]["name"]) in text for call in calls)
    words = str(message["content"]).split()
    return not words or words[-1] in text


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
        raise TemplateError("the template leaves out what the assistant says")
    start = _shared(text, probe)
    if prompt is None:
        return text, start
    content = str(messages[-1]["content"])
    opening = prompt.removeprefix(text[:start])
    if opening != prompt and content.startswith(opening.strip()):
        # DeepSeek's prompt opens the reasoning, and its history leaves all reasoning out: the
        # model answers with the content as it stands.
        rest = content[len(opening.strip()) :].lstrip()
        return prompt + rest + probe[probe.index(_SENTINEL) + len(_SENTINEL) :], len(prompt)
    return _graft(text, start, prompt, str(messages[-2]["content"]).strip())


def _graft(text: str, start: int, prompt: str, question: str) -> tuple[str, int]:
    """Put the answer that begins at ``start`` behind the prompt if both end with the question.

    Mistral's templates show the system prompt in the last user turn only, and only while it is
    not answered. The model answers after the prompt, so that is what it must learn. Where the two
    differ otherwise (a reasoning tag that the prompt alone has), the answer alone is trained.
    """
    head, bare = text[:start].rstrip(), prompt.rstrip()
    shared = head[len(head) - _shared(head[::-1], bare[::-1]) :]
    if not question or question not in shared:
        return text, start
    answer, blank = text[len(head) :], prompt[len(bare) :]
    answer = answer[len(blank) :] if answer.startswith(blank) else text[start:]
    return prompt + answer, len(prompt)


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

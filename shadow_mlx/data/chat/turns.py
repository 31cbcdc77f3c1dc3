"""One answer of a conversation: the prompt that it is given to, and what is to follow it.

At generation time the prompt of an answer is ``P``, the template's text of the messages before it
with the beginning of an answer. What the model must learn is to go on from exactly there. Behind
``P`` stands the answer as the template shows it in ``R``, its text of the messages up to the
answer. Almost always ``R`` begins with ``P``. Where it does not, because the prompt opens a
reasoning that the history hides, or shows a system text that the history moves, the answer is put
behind the prompt: a model is never trained on a prompt that it will not be given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shadow_mlx.data.chat import reasoning
from shadow_mlx.data.chat.ending import PROBE, Ending
from shadow_mlx.data.chat.rendering import ChatTemplate, TemplateError
from shadow_mlx.data.chat.shown import (
    check_answer,
    check_signs,
    left_out,
    needs_signs,
    shows_all,
    shows_reasoning,
)
from shadow_mlx.data.chat.signs import signed, signed_all
from shadow_mlx.data.reading.message_flags import REASONING_KEY
from shadow_mlx.data.reading.schema import Message


@dataclass(frozen=True)
class Turn:
    """One answer as text.

    Attributes:
        prompt: What the model is given.
        answer: What it is to write, the stop token with it where the template shows one.
        ended: Whether ``answer`` ends with a stop token.
        lost_reasoning: Whether the message has a reasoning that no part of ``answer`` shows.
    """

    prompt: str
    answer: str
    ended: bool
    lost_reasoning: bool = False


@dataclass(frozen=True)
class Talk:
    """A conversation and what its template needs beside the messages."""

    messages: Sequence[Message]
    tools: Sequence[Any] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    def text(self, template: ChatTemplate, end: int, *, prompt: bool) -> str:
        """The template's text of the first ``end`` messages."""
        return template.text(
            self.messages[:end], self.tools, prompt=prompt, variables=self.variables
        )

    def with_answer(self, k: int, answer: Message) -> Talk:
        """The first messages, with another one in the place of message ``k``, their last."""
        return Talk([*self.messages[:k], answer], self.tools, self.variables)


def prompt_of(template: ChatTemplate, talk: Talk, k: int) -> str | None:
    """The text that asks for message ``k``; None where the template has none.

    Some refuse a conversation in which nobody has asked anything yet.
    """
    try:
        return talk.text(template, k, prompt=True)
    except TemplateError:
        return None


def turn_of(template: ChatTemplate, ending: Ending, talk: Talk, k: int, prompt: str) -> Turn:
    """The answer that is message ``k``, behind its ``prompt``.

    Raises:
        TemplateError: When the template refuses the answer, or leaves a part of it out.
    """
    message = talk.messages[k]
    answer = _answer_behind(template, talk, k, prompt)
    end, ended = ending.find(answer)
    answer = answer[:end]
    check_answer(message, answer, k + 1)
    lost = not shows_reasoning(message, answer)
    if needs_signs(message):
        lost = _loses(template, talk, k, prompt) or lost
    return Turn(prompt, answer, ended, lost)


def roles_left_out(template: ChatTemplate, talk: Talk, k: int, prompt: str) -> list[str]:
    """The roles of the messages before an answer that its ``prompt`` does not show."""
    if shows_all(talk.messages[:k], prompt):  # most do, and the other look takes a rendering more
        return []
    signs = signed_all(talk.messages[:k])
    shown = prompt_of(template, Talk([one.message for one in signs], talk.tools, talk.variables), k)
    return left_out(talk.messages[:k], prompt, signs if shown is not None else [], shown or "")


def _loses(template: ChatTemplate, talk: Talk, k: int, prompt: str) -> bool:
    """Whether the reasoning of an answer is lost; raises as :func:`turn_of` where more is."""
    sign = signed(talk.messages[k])
    try:
        text = _answer_behind(template, talk.with_answer(k, sign.message), k, prompt)
    except TemplateError:
        return False  # the template wants to know the function, perhaps
    check_signs(sign, text, k + 1)
    return not all(thoughts in text for thoughts in sign.thoughts)


def _answer_behind(template: ChatTemplate, talk: Talk, k: int, prompt: str) -> str:
    shown = talk.text(template, k + 1, prompt=False)
    opening = reasoning.opening_of(prompt)
    if shown.startswith(prompt):
        answer = reasoning.once(shown[len(prompt) :])
        return _not_opened_twice(answer, opening)
    if opening is not None:
        head = prompt[: len(prompt) - len(opening.text)]
        if shown.startswith(head):
            return _behind_opening(template, talk, k, opening, head, shown[len(head) :])
    return _behind_other_prompt(template, talk, k, prompt, shown)


def _not_opened_twice(answer: str, opening: reasoning.Opening | None) -> str:
    """Nemotron's history shows a content that begins with ``<think>`` behind the prompt's own."""
    bare = answer.lstrip()
    if opening is None or opening.closed or not bare.startswith(opening.tags.start):
        return answer
    return bare[len(opening.tags.start) :].lstrip()


def _behind_opening(
    template: ChatTemplate, talk: Talk, k: int, opening: reasoning.Opening, head: str, shown: str
) -> str:
    """What follows a prompt that opens a reasoning which the history shows otherwise or hides."""
    tags = opening.tags
    bare = shown.lstrip()
    if opening.closed:
        words = reasoning.split(shown).words
        return words.lstrip("\n") if opening.text.endswith("\n") else words
    if bare.startswith(tags.end):  # DeepSeek V3.1: an empty reasoning is only closed
        return shown
    if bare.startswith(tags.start):
        return bare[len(tags.start) :].lstrip()
    thoughts = thoughts_of(talk.messages[k])
    if thoughts.reasoning:  # it may stand in the words in a form that is not the template's
        said = {**talk.messages[k], "content": thoughts.words}
        said.pop(REASONING_KEY, None)
        alone = talk.with_answer(k, said)
        bare = alone.text(template, k + 1, prompt=False).removeprefix(head).lstrip()
    return f"{thoughts.reasoning}\n{tags.end}\n\n{bare}"


def thoughts_of(message: Message) -> reasoning.Thoughts:
    """The reasoning of an answer, from its own key or from its content, and its words."""
    content = str(message["content"])
    apart = str(message.get(REASONING_KEY) or "")
    inside = reasoning.split(content)
    if inside.unfinished:  # a tag in the words, and no reasoning
        return reasoning.Thoughts(apart, content)
    return reasoning.Thoughts(apart or inside.reasoning, inside.words)


def _behind_other_prompt(
    template: ChatTemplate, talk: Talk, k: int, prompt: str, shown: str
) -> str:
    """The answer found by a probe, and the blanks between it and what stands before it.

    Mistral's templates show the system prompt in the last user turn only, and only while it is
    not answered.
    """
    instead = talk.with_answer(k, {"role": "assistant", "content": PROBE})
    probe = instead.text(template, k + 1, prompt=False)
    if PROBE not in probe:
        raise TemplateError("the template leaves out what the assistant says")
    start = _shared(shown, probe)
    head, bare = shown[:start].rstrip(), prompt.rstrip()
    if not (head and bare and head[-1] == bare[-1]):
        return shown[start:]
    answer, blank = shown[len(head) :], prompt[len(bare) :]
    return answer[len(blank) :] if answer.startswith(blank) else shown[start:]


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

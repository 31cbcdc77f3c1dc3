"""History over an engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from shadow_mlx.config import Mode, SamplingConfig
from shadow_mlx.errors import InputError
from shadow_mlx.generation.conversation import Conversation
from shadow_mlx.generation.decode import Answer
from shadow_mlx.generation.session import ChatSession

DONE = Answer("", (1,), 1, 0, 1.0, 1.0, 1, "stop")


class Scripted:
    """An engine that says what it is told to, mode by mode, and remembers what it was asked."""

    modes: tuple[Mode, ...] = ("attached", "detached", "base")

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[dict[str, str]]]] = []
        self.answers: dict[str, Answer] = {}

    def loaded_mode(self, mode: str) -> str:
        return mode

    def answer(
        self, asked: Conversation, mode: str, sampling: Any, *, on_piece: Any, stop: Any
    ) -> Answer:
        self.asked.append((mode, asked.messages()))
        answer = self.answers.get(mode, dataclasses.replace(DONE, text=f"{mode} says"))
        on_piece("words", answer.text)
        return answer


@pytest.fixture
def engine() -> Scripted:
    return Scripted()


@pytest.fixture
def chat(engine: Any) -> ChatSession:
    return ChatSession(engine, SamplingConfig(), mode="detached", system="be brief")


def said(chat: ChatSession) -> list[str]:
    return [turn.text for turn in chat.conversation.turns]


def test_each_question_comes_with_what_was_said_before(chat: ChatSession, engine: Scripted) -> None:
    chat.reply("hello")
    chat.switch("base")
    chat.reply("again")
    assert said(chat) == ["hello", "detached says", "again", "base says"]
    mode, messages = engine.asked[-1]
    assert (mode, [m["content"] for m in messages]) == ("base", ["be brief", *said(chat)[:3]])
    chat.reset()
    assert [m["role"] for m in chat.conversation.messages()] == ["system"]


@pytest.mark.parametrize(
    ("text", "reasoning", "reason", "joins"),
    [
        ("so f", "", "interrupted", True),
        ("", "well", "interrupted", True),
        ("", "", "interrupted", False),
        ("", "", "stop", True),
    ],
)
def test_what_there_is_of_an_answer_joins(
    chat: ChatSession, engine: Scripted, text: str, reasoning: str, reason: Any, joins: bool
) -> None:
    engine.answers["detached"] = dataclasses.replace(
        DONE, text=text, reasoning=reasoning, finish_reason=reason
    )
    chat.reply("hello")
    assert said(chat) == (["hello", text] if joins else [])
    assert [turn.reasoning for turn in chat.conversation.turns[1:]] == [reasoning] * joins


def compared(chat: ChatSession, text: str | None) -> list[str]:
    shown: list[str] = []

    def on_mode(mode: Mode) -> Callable[[str, str], None]:
        return lambda part, piece: shown.append(piece)

    answers: list[str] = []
    chat.compare(text, on_mode, lambda mode, answer: answers.append(answer.text))
    assert shown == answers
    return answers


def test_compare_answers_in_every_mode(chat: ChatSession, engine: Scripted) -> None:
    everyone = [f"{mode} says" for mode in engine.modes]
    assert compared(chat, "hello") == everyone
    assert said(chat) == ["hello", "detached says"]  # the current mode's answer stays
    assert compared(chat, None) == everyone  # the same message again
    assert said(chat) == ["hello", "detached says"]
    assert {messages[-1]["content"] for _, messages in engine.asked} == {"hello"}
    engine.answers["attached"] = dataclasses.replace(DONE, text="so f", finish_reason="interrupted")
    assert compared(chat, "more") == ["so f"]
    assert said(chat) == ["hello", "detached says"]


def test_comparing_nothing_is_refused(chat: ChatSession) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        compared(chat, None)

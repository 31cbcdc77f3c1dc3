"""Conversations are values: changes make new ones."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.generation.conversation import Conversation, Turn

TURNS = st.builds(
    Turn, st.sampled_from(["user", "assistant"]), st.text(max_size=5), reasoning=st.text(max_size=3)
)
CONVERSATIONS = st.builds(Conversation, st.lists(TURNS).map(tuple), st.text(max_size=3))


@given(CONVERSATIONS)
def test_messages_and_back(talk: Conversation) -> None:
    again = Conversation.from_messages(talk.messages())
    assert (again.turns, again.system) == (talk.turns, talk.system)
    named = Conversation.from_messages(talk.messages(), mode="loaded")
    assert {t.mode for t in named.turns if t.role == "assistant"} <= {"loaded"}
    assert {t.mode for t in named.turns if t.role == "user"} <= {""}


@given(CONVERSATIONS, st.text())
def test_a_question_is_taken_back(talk: Conversation, text: str) -> None:
    longer = talk.asked(text).said(Turn("assistant", "yes"))
    assert longer.last_answer() == "yes"
    before, question = longer.before_last_question()
    assert (before.turns, question) == (talk.turns, text)


def test_nothing_was_asked() -> None:
    assert Conversation().before_last_question() == (Conversation(), "")
    assert Conversation().last_answer() == ""


def test_it_needs_no_mlx() -> None:
    code = "import sys, shadow_mlx.generation.conversation; assert 'mlx.core' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

"""Flags of messages: which are trained, and what was thought."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.reading.message_flags import MASKED, REASONINGS, TRAINED
from tests.data.lines_of import ANSWER, USER, chat, chat_refusal, noted

YES, NO = (1, 1.0, True), (0, 0.0, False)


@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(st.sampled_from((*TRAINED, *MASKED)), st.sampled_from((*YES, *NO, None))),
        unique_by=lambda pair: pair[0],
    )
)
def test_flags_of_every_name_become_one(flags: list[tuple[str, Any]]) -> None:
    said = {bool(value) != (name in MASKED) for name, value in flags if value is not None}
    if len(said) > 1:
        assert "flags that agree" in chat_refusal(USER, {**ANSWER, **dict(flags)})
        return
    record = chat(USER, {**ANSWER, **dict(flags)})
    assert record.messages[1] == {**ANSWER, **({"weight": int(said.pop())} if said else {})}
    assert record.message_keys == ()


@pytest.mark.parametrize("name", [*TRAINED, *MASKED])
@pytest.mark.parametrize("value", [0.5, 2, -1, "yes", [], {}])
def test_other_values_are_refused(name: str, value: Any) -> None:
    assert f"message 2 has the {name} " in chat_refusal(USER, {**ANSWER, name: value})


@pytest.mark.parametrize("role", ["system", "user", "tool"])
def test_only_answers_are_trained(role: str) -> None:
    message = {"role": role, "content": "x"}
    record = chat({**message, "train": False, "masked": True}, ANSWER)
    assert record.messages[0] == message
    assert record.notices == {}
    said = chat_refusal({**message, "loss": True}, ANSWER)
    assert f"message 1 ('{role}') has the loss true" in said
    assert "assistant turns alone are trained" in said


def test_flags_for_parts_of_a_message_are_refused() -> None:
    detail = [{"begin_offset": 0, "end_offset": 2, "train": False}]
    assert "'train_detail'" in chat_refusal(USER, {**ANSWER, "train_detail": detail})
    assert chat(USER, {**ANSWER, "train_detail": []}).messages[1] == ANSWER


def test_answers_that_are_not_trained_are_counted() -> None:
    (note,) = noted(chat(USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "train": False}, ANSWER))
    assert note.startswith("2 answers are marked as not to be trained")


@pytest.mark.parametrize("name", REASONINGS)
def test_reasoning_of_every_name_becomes_one(name: str) -> None:
    nothing = dict(zip(REASONINGS, (None, "", " "), strict=True))
    record = chat(USER, {**ANSWER, **nothing, name: "hm"})
    assert record.messages[1] == {**ANSWER, "reasoning_content": "hm"}
    assert noted(record) == ["1 answer has a reasoning beside its words"]
    same = chat(USER, {**ANSWER, **dict.fromkeys(REASONINGS, "hm")})
    assert same.messages[1] == record.messages[1]


def test_reasoning_that_cannot_be_used_is_named() -> None:
    said = chat_refusal(USER, {**ANSWER, "thinking": "a", "reasoning": "b"})
    assert "message 2 has different reasoning in 'reasoning' and 'thinking'" in said
    assert "has the thinking true" in chat_refusal(USER, {**ANSWER, "thinking": True})
    record = chat({**USER, "reasoning": "hm"}, ANSWER)
    assert record.messages[0] == USER
    assert noted(record) == ["1 reasoning of a message that is not the assistant's is left out"]


def test_an_answer_may_be_reasoning_alone() -> None:
    record = chat(USER, {"role": "assistant", "content": "", "thinking": "hm"})
    assert record.messages[1] == {"role": "assistant", "content": "", "reasoning_content": "hm"}

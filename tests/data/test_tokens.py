"""The loss mask: exactly what an assistant says, its end token with it, under any template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.data.problems import InvalidDataError
from shadow_mlx.data.records import JsonLines
from shadow_mlx.data.schema import Record
from shadow_mlx.data.template import TemplateError
from shadow_mlx.data.tokens import Encoder, Example, encode_all
from shadow_mlx.errors import DataError
from tests.data import chat_templates as templates

TALK = (
    {"role": "user", "content": "hello there"},
    {"role": "assistant", "content": "hello you"},
    {"role": "user", "content": "how are you"},
    {"role": "assistant", "content": "I am fine"},
)
TURNS = ("user", "assistant", "user", "assistant")
SYSTEM = ({"role": "system", "content": "The sky is blue."},)


def chat(*messages: Any, tools: Any = None) -> Record:
    return Record("chat", 1, messages=tuple(messages), tools=tools)


def trained(tokenizer: Any, example: Example) -> list[str]:
    """The text of each stretch of trained tokens."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], example.supervised, [0]])))
    return [tokenizer.decode(example.tokens[a:b].tolist()) for a, b in edges.reshape(-1, 2)]


def trained_all(tokenizer: Any, examples: Sequence[Example]) -> list[str]:
    return [text for example in examples for text in trained(tokenizer, example)]


def text_of(tokenizer: Any, example: Example) -> str:
    return str(tokenizer.decode(example.tokens.tolist()))


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (templates.CHATML, "<|im_end|>"),
        (templates.CHATML_MARKED, "<|im_end|>"),
        (templates.CHATML_MARKED_WIDE, "<|im_end|>"),
        (templates.GEMMA, "<end_of_turn>"),
        (templates.LLAMA3, "<|eot_id|>"),
    ],
    ids=["chatml", "marked", "marked-wide", "gemma", "llama3"],
)
def test_every_assistant_turn_is_trained_with_its_end(
    make_tokenizer: Any, template: str, end: str
) -> None:
    tokenizer = make_tokenizer(template)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["hello you" + end, "I am fine" + end]
    whole = tokenizer.apply_chat_template(list(TALK), tokenize=False)
    assert whole.startswith(text_of(tokenizer, example))


def test_phi3s_last_token_does_not_split_the_chat(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.PHI3)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["hello you<|end|>", "I am fine<|end|>"]


def test_a_template_without_end_token_gets_one_behind_the_last_answer(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.ALPACA)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["hello you", "I am fine</s>"]


def test_the_next_turns_role_token_may_be_what_stops(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.GLM4, more_stops=("<|user|>",))
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["\nhello you<|user|>", "\nI am fine</s>"]


def test_a_template_that_rewrites_history_gives_one_example_for_each_answer(
    make_tokenizer: Any,
) -> None:
    tokenizer = make_tokenizer(templates.QWEN3, thinking=True)
    first, second = Encoder(tokenizer).encode(chat(*TALK))
    empty = "<think>\n\n</think>\n\n"
    assert trained(tokenizer, first) == [f"{empty}hello you<|im_end|>"]
    assert trained(tokenizer, second) == [f"{empty}I am fine<|im_end|>"]
    prompt = tokenizer.apply_chat_template(
        list(TALK[:3]), tokenize=False, add_generation_prompt=True
    )
    assert text_of(tokenizer, second).startswith(prompt)


def test_reasoning_is_trained_in_the_turn_that_shows_it(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.QWEN3, thinking=True)
    thoughtful = {"role": "assistant", "content": "<think>\n1 + 1\n</think>\n\n2"}
    talk = [TALK[0], thoughtful, TALK[2], thoughtful]
    first, second = Encoder(tokenizer).encode(chat(*talk))
    answer = "<think>\n1 + 1\n</think>\n\n2<|im_end|>"
    assert trained(tokenizer, first) == trained(tokenizer, second) == [answer]
    assert text_of(tokenizer, second).count("<think>") == 1


def test_a_prompt_that_opens_reasoning_which_the_answer_lacks(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.DEEPSEEK_R1)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["hello you</s>", "I am fine</s>"]
    assert "<think>" not in text_of(tokenizer, example)


def test_reasoning_that_the_prompt_opens_and_the_history_hides(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.DEEPSEEK_R1)
    thoughtful = {"role": "assistant", "content": "<think>\n1 + 1\n</think>\n\n2"}
    (example,) = Encoder(tokenizer).encode(chat(TALK[0], thoughtful))
    assert trained(tokenizer, example) == ["1 + 1\n</think>\n\n2</s>"]
    assert "<|Assistant|><think>\n1 + 1" in text_of(tokenizer, example)
    first, second = Encoder(tokenizer).encode(chat(TALK[0], thoughtful, TALK[2], thoughtful))
    assert trained(tokenizer, first) == trained(tokenizer, second)


def test_a_system_text_that_only_the_prompt_shows_is_kept(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.MISTRAL)
    first, second = Encoder(tokenizer).encode(chat(*SYSTEM, *TALK))
    assert text_of(tokenizer, first) == (
        "<s>[INST] The sky is blue.\n\nhello there[/INST] hello you</s>"
    )
    assert trained(tokenizer, first) == [" hello you</s>"]
    assert text_of(tokenizer, second) == (
        "<s>[INST] hello there[/INST] hello you</s>"
        "[INST] The sky is blue.\n\nhow are you[/INST] I am fine</s>"
    )
    assert trained(tokenizer, second) == [" I am fine</s>"]


def test_mistral_without_system_is_one_example(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.MISTRAL)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == [" hello you</s>", " I am fine</s>"]
    assert text_of(tokenizer, example).count("<s>") == 1


CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "look", "arguments": {"at": "sky"}}}],
}


def test_tool_calls_are_trained_and_tool_results_are_not(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML_TOOLS)
    result = {"role": "tool", "content": "blue"}
    record = chat(TALK[0], CALL, result, TALK[1], tools=({"name": "look"},))
    (example,) = Encoder(tokenizer).encode(record)
    assert trained(tokenizer, example) == [
        '<tool_call>look {"at": "sky"}</tool_call><|im_end|>',
        "hello you<|im_end|>",
    ]
    assert '[{"name": "look"}]' in text_of(tokenizer, example)


def test_a_template_that_wants_arguments_as_text(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML_TEXT_ARGUMENTS)
    (example,) = Encoder(tokenizer).encode(chat(TALK[0], CALL))
    assert trained(tokenizer, example) == ['look({"at": "sky"})<|im_end|>']


def test_weight_zero_is_context_only(make_tokenizer: Any) -> None:
    for template in (templates.CHATML, templates.CHATML_MARKED):
        tokenizer = make_tokenizer(template)
        (example,) = Encoder(tokenizer).encode(chat(TALK[0], {**TALK[1], "weight": 0}, *TALK[2:]))
        assert trained(tokenizer, example) == ["I am fine<|im_end|>"]


def test_an_assistant_that_speaks_first_and_a_user_who_speaks_last(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML)
    (example,) = Encoder(tokenizer).encode(chat(TALK[1], TALK[0], TALK[3], TALK[2]))
    assert trained(tokenizer, example) == ["hello you<|im_end|>", "I am fine<|im_end|>"]
    assert text_of(tokenizer, example).endswith("I am fine<|im_end|>")


def test_answers_that_repeat_the_question_or_the_markup(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML)
    talk = [{**m, "content": "assistant\nuser"} for m in TALK]
    (example,) = Encoder(tokenizer).encode(chat(*talk))
    assert trained(tokenizer, example) == ["assistant\nuser<|im_end|>"] * 2


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co"]), min_size=1, max_size=12).map(
    lambda text: text.strip() or "x"
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents=st.lists(words, min_size=2, max_size=8), data=st.data())
def test_any_words_under_any_template(
    make_tokenizer: Any, contents: list[str], data: st.DataObject
) -> None:
    """What is trained is the answers, in order, and what comes before one is its prompt."""
    template, before, end, thinking = data.draw(
        st.sampled_from(
            [
                (templates.CHATML, "", "<|im_end|>", False),
                (templates.CHATML_MARKED_WIDE, "", "<|im_end|>", False),
                (templates.QWEN3, "<think>\n\n</think>\n\n", "<|im_end|>", True),
                (templates.GEMMA, "", "<end_of_turn>", False),
                (templates.LLAMA3, "", "<|eot_id|>", False),
                (templates.MISTRAL, " ", "</s>", False),
                (templates.PHI3, "", "<|end|>", False),
            ]
        )
    )
    contents = contents[: len(contents) // 2 * 2]
    roles = ["user", "assistant"] * (len(contents) // 2)
    talk = [{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)]
    tokenizer = make_tokenizer(template, thinking=thinking)
    examples = Encoder(tokenizer).encode(chat(*talk))
    answers = [before + c + end for c in contents[1::2]]
    assert trained_all(tokenizer, examples) == answers
    last = examples[-1]
    start = int(np.flatnonzero(np.diff(last.supervised.astype(int)) == 1)[-1]) + 1
    prompt = tokenizer.apply_chat_template(talk[:-1], tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(last.tokens[:start].tolist()) == prompt


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(question=words, answer=words, more=words)
def test_without_offsets_the_mask_is_the_same(
    make_tokenizer: Any, monkeypatch: Any, question: str, answer: str, more: str
) -> None:
    tokenizer = make_tokenizer(templates.LLAMA3)
    talk = [
        {"role": r, "content": c}
        for r, c in zip(TURNS, (question, answer, more, more + answer), strict=True)
    ]
    records = [chat(*talk), Record("text", 1, text=question)]
    before = [Encoder(tokenizer).encode(record) for record in records]
    with monkeypatch.context() as patched:
        patched.setattr(type(tokenizer._tokenizer), "is_fast", False)
        after = [Encoder(tokenizer).encode(record) for record in records]
    for (one,), (other,) in zip(before, after, strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        assert one.supervised.tolist() == other.supervised.tolist()


def test_a_token_that_crosses_into_the_answer_is_trained(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(None)
    assert tokenizer.decode(tokenizer.encode("x hello")[1:2]) == " hello"
    (example,) = Encoder(tokenizer).encode(
        Record("completion", 1, prompt="x hel", completion="lo there")
    )
    assert trained(tokenizer, example) == [" hello there</s>"]


def test_without_prompt_mask_all_but_the_first_token_is_trained(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML)
    (example,) = Encoder(tokenizer, mask_prompt=False).encode(chat(*TALK))
    assert example.supervised.tolist() == [False] + [True] * (len(example.tokens) - 1)
    assert text_of(tokenizer, example) == tokenizer.apply_chat_template(list(TALK), tokenize=False)


def test_completion_through_the_template(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.LLAMA3)
    record = Record("completion", 1, prompt="1 + 1", completion="= 2")
    (example,) = Encoder(tokenizer).encode(record)
    assert trained(tokenizer, example) == ["= 2<|eot_id|>"]


def test_completion_without_template_is_joined_and_ended(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(None)
    record = Record("completion", 1, prompt="1 + 1", completion=" = 2")
    (example,) = Encoder(tokenizer).encode(record)
    assert text_of(tokenizer, example) == "1 + 1 = 2</s>"
    assert trained(tokenizer, example) == [" = 2</s>"]


def test_text_is_trained_to_its_end_with_one_bos(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(None)
    for text in ("The sky is blue.", "The sky is blue.</s>"):
        (example,) = Encoder(tokenizer).encode(Record("text", 1, text=text))
        assert text_of(tokenizer, example) == "The sky is blue.</s>"
        assert example.supervised.tolist() == [False] + [True] * (len(example.tokens) - 1)


def test_chats_need_a_template(make_tokenizer: Any) -> None:
    with pytest.raises(DataError, match="no chat template"):
        Encoder(make_tokenizer(None)).encode(chat(*TALK))


def test_what_a_template_refuses_names_every_line(make_tokenizer: Any, write_lines: Any) -> None:
    good, bad = {"messages": list(TALK)}, {"messages": [*SYSTEM, *TALK]}
    path = write_lines([good, bad, good, {"messages": [TALK[0], TALK[2], TALK[1]]}])
    encoder = Encoder(make_tokenizer(templates.GEMMA))
    with pytest.raises(InvalidDataError) as caught:
        encode_all(JsonLines(path), encoder)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{path}:2: found")
    assert "System role not supported" in first
    assert second.startswith(f"{path}:4: found")
    with pytest.raises(TemplateError, match="alternate"):
        encoder.encode(chat(TALK[1]))


def test_truncation_and_drops_are_counted(make_tokenizer: Any, write_lines: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML)
    long_question = {"role": "user", "content": "hello " * 40}
    path = write_lines(
        [
            {"messages": list(TALK[:2])},
            {"messages": [TALK[0], {"role": "assistant", "content": "fine " * 40}]},
            {"messages": [long_question, TALK[1]]},
            {"messages": [TALK[0], {**TALK[1], "weight": 0}]},
        ]
    )
    dataset = encode_all(JsonLines(path), Encoder(tokenizer, max_seq_length=40))
    counts = dataset.counts
    assert (counts.records, counts.examples, counts.truncated) == (4, 2, 1)
    assert (counts.dropped_too_long, counts.dropped_unsupervised) == (0, 2)
    assert dataset.record_of.tolist() == [0, 1]
    assert [e.truncated for e in dataset] == [False, True]
    assert max(dataset.lengths) == 40
    assert len(counts.notes()) == 2
    dropped = encode_all(JsonLines(path), Encoder(tokenizer, 40, too_long="drop")).counts
    assert (dropped.examples, dropped.dropped_too_long, dropped.dropped_unsupervised) == (1, 2, 1)
    assert counts.tokens == dataset.lengths.sum()
    assert counts.supervised_tokens == dataset.supervised_lengths.sum()


def test_a_cut_example_ends_with_its_last_trained_token(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML)
    (whole,) = Encoder(tokenizer).encode(chat(*TALK))
    first_turn = int(np.flatnonzero(np.diff(whole.supervised.astype(int)) == -1)[0]) + 1
    (cut,) = Encoder(tokenizer, max_seq_length=first_turn + 3).encode(chat(*TALK))
    assert cut.truncated
    assert len(cut.tokens) == first_turn
    assert trained(tokenizer, cut) == ["hello you<|im_end|>"]


def test_split_chats_are_counted(make_tokenizer: Any, write_lines: Any) -> None:
    path = write_lines([{"messages": list(TALK)}] * 3)
    encoder = Encoder(make_tokenizer(templates.QWEN3, thinking=True))
    dataset = encode_all(JsonLines(path), encoder)
    assert (len(dataset), dataset.counts.split_records) == (6, 3)
    assert dataset.record_of.tolist() == [0, 0, 1, 1, 2, 2]
    assert "several examples" in dataset.counts.notes()[0]


def test_encoding_many_is_encoding_each(make_tokenizer: Any, write_lines: Any) -> None:
    path = write_lines([{"messages": list(TALK[: 2 + 2 * (i % 2)])} for i in range(300)])
    encoder = Encoder(make_tokenizer(templates.CHATML))
    seen: list[tuple[int, int]] = []
    dataset = encode_all(JsonLines(path), encoder, lambda done, total: seen.append((done, total)))
    assert seen == [(256, 300), (300, 300)]
    for record, example in zip(JsonLines(path), dataset, strict=True):
        (alone,) = encoder.encode(record)
        assert example.tokens.tolist() == alone.tokens.tolist()
        assert example.supervised.tolist() == alone.supervised.tolist()

"""Tool calls in what a model writes."""

from __future__ import annotations

import pytest

from shadow_mlx.generation.calls import as_text, calls_in
from tests.data.families.tokenizers_of import tokenizer_of
from tests.data.talks import GO, LOOK

TWO = [("look", {"at": "sky", "times": 2}), ("go", {"to": "hall"})]


@pytest.mark.parametrize(
    ("family", "text"),
    [
        (
            "qwen2.5",
            '<tool_call>\n{"name": "look", "arguments": {"at": "sky", "times": 2}}\n</tool_call>\n'
            '<tool_call>\n{"name": "go", "arguments": {"to": "hall"}}\n</tool_call>',
        ),
        (
            "mistral-v3",
            '[TOOL_CALLS] [{"name": "look", "arguments": {"at": "sky", "times": 2}, "id": "1"}, '
            '{"name": "go", "arguments": {"to": "hall"}, "id": "2"}]',
        ),
        (
            "lfm2.5",
            '<|tool_call_start|>[look(at="sky", times=2), go(to="hall")]<|tool_call_end|>',
        ),
        (
            "glm-4.5",
            "<tool_call>look\n<arg_key>at</arg_key>\n<arg_value>sky</arg_value>\n"
            "<arg_key>times</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n"
            "<tool_call>go\n<arg_key>to</arg_key>\n<arg_value>hall</arg_value>\n</tool_call>",
        ),
        (
            "llama3.1",
            '{"name": "look", "parameters": {"at": "sky", "times": 2}} '
            '{"name": "go", "parameters": "{\\"to\\": \\"hall\\"}"}',
        ),
    ],
)
def test_calls_as_families_write_them(family: str, text: str) -> None:
    tokenizer = tokenizer_of(family)
    assert calls_in("Well. " + text, tokenizer, [LOOK, GO]) == TWO


@pytest.mark.parametrize("family", ["qwen2.5", "mistral-v3", "lfm2.5", "glm-4.5", "llama3.1"])
@pytest.mark.parametrize(
    "text", ["no call", "{", '{"name": 1}', "[" * 5000, "[TOOL_CALLS] [", "a[b(]"]
)
def test_what_is_no_call_is_none(family: str, text: str) -> None:
    assert calls_in(text, tokenizer_of(family), [LOOK]) == []


def test_a_call_that_was_cut_off_is_none() -> None:
    tokenizer = tokenizer_of("qwen2.5")
    assert calls_in('<tool_call>\n{"name": "look", "argum', tokenizer) == []


def test_calls_as_text() -> None:
    assert as_text(TWO[1:]) == '[{"name": "go", "arguments": {"to": "hall"}}]'

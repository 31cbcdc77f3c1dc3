from __future__ import annotations

import json
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.data.chat.reasoning import Opening, Tags
from shadow_mlx.errors import InputError
from shadow_mlx.generation.grammar import Grammars
from shadow_mlx.shadow.attached import AttachedModel

SCHEMA = {
    "type": "object",
    "properties": {"go": {"type": "boolean"}, "to": {"enum": ["hall", "attic"]}},
    "required": ["go", "to"],
    "additionalProperties": False,
}
PROMPT = [3, 4, 5]


@pytest.fixture
def tokenizer(tiny_attached: tuple[AttachedModel, Any]) -> Any:
    return tiny_attached[1]


@pytest.fixture
def grammars(tokenizer: Any) -> Grammars:
    return Grammars(tokenizer)


def written(constraint: Any, tokenizer: Any, seed: int, most: int = 200) -> str:
    """What a model without any preference writes under a constraint."""
    size = len(tokenizer._tokenizer) + 5  # models pad their logits
    tokens = list(PROMPT)
    key = mx.random.key(seed)
    for _ in range(most):
        key, this = mx.random.split(key)
        logits = constraint(mx.array(tokens), mx.zeros((1, size)))
        token = int(mx.random.categorical(logits, key=this).item())
        if token in tokenizer.eos_token_ids:
            return str(tokenizer.decode(tokens[len(PROMPT) :]))
        tokens.append(token)
    raise AssertionError(tokenizer.decode(tokens))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_drawn_follows_the_schema(
    grammars: Grammars, tokenizer: Any, seed: int
) -> None:
    value = json.loads(written(grammars.constraint(SCHEMA, len(PROMPT)), tokenizer, seed))
    assert set(value) == {"go", "to"}
    assert isinstance(value["go"], bool)
    assert value["to"] in ("hall", "attic")


def test_every_right_answer_can_be_written(grammars: Grammars, tokenizer: Any) -> None:
    for text in ('{"go":true,"to":"hall"}', '{"go": false, "to": "attic"}',
                 '{\n  "go": true,\n  "to": "hall"\n}'):  # fmt: skip
        ids = tokenizer.encode(text, add_special_tokens=False)
        constraint = grammars.constraint(SCHEMA, len(PROMPT))
        for place, token in enumerate([*ids, min(tokenizer.eos_token_ids)]):
            logits = constraint(mx.array([*PROMPT, *ids[:place]]), mx.zeros((1, 300)))
            assert np.array(logits)[0, token] == 0, (text, place)


def test_what_is_shown_less_of_the_prompt_follows_as_well(
    grammars: Grammars, tokenizer: Any
) -> None:
    constraint = grammars.constraint(SCHEMA, len(PROMPT) + 7)
    constraint.skip(7)
    assert json.loads(written(constraint, tokenizer, 1))


def test_a_reasoning_is_free_until_it_ends(grammars: Grammars, tokenizer: Any) -> None:
    opening = Opening(Tags("<think>", "</think>"), "<think>\n", closed=False)
    constraint = grammars.constraint(SCHEMA, len(PROMPT), opening)
    thought = tokenizer.encode("so</think>", add_special_tokens=False)
    for count in range(len(thought)):
        logits = constraint(mx.array([*PROMPT, *thought[:count]]), mx.zeros((1, 300)))
        assert np.isfinite(np.array(logits)).all()
    logits = constraint(mx.array([*PROMPT, *thought]), mx.zeros((1, 300)))
    allowed = np.flatnonzero(np.isfinite(np.array(logits)[0]))
    assert 0 < len(allowed) < 10
    assert all(tokenizer.decode([int(i)]).strip() in ("{", '{"', "") for i in allowed)


def test_the_end_and_what_is_computed_behind_it_break_nothing(
    grammars: Grammars, tokenizer: Any
) -> None:
    constraint = grammars.constraint({"const": 1}, 0)
    ids = [*tokenizer.encode("1", add_special_tokens=False), min(tokenizer.eos_token_ids), 9, 9]
    for count in range(len(ids) + 1):
        assert constraint(mx.array(ids[:count], dtype=mx.int32), mx.zeros((1, 300))).shape


@pytest.mark.parametrize(
    "schema",
    [{"type": "nonsense"}, {"type": "object", "not": {}}, {"pattern": "(", "type": "string"}],
)
def test_what_cannot_be_followed_is_refused(grammars: Grammars, schema: Any) -> None:
    with pytest.raises(InputError, match="the JSON schema cannot be used"):
        grammars.constraint(schema, 0)


def test_only_tokenizers_whose_tokens_are_known() -> None:
    class Other:
        _tokenizer = object()

    with pytest.raises(InputError, match=r"tokenizer\.json"):
        Grammars(Other())


def test_what_cannot_be_followed_any_further_is_no_answer(
    grammars: Grammars,
) -> None:
    constraint = grammars.constraint(SCHEMA, 0)
    assert constraint(mx.array([], dtype=mx.int32), mx.zeros((1, 300))).shape == (1, 300)
    assert constraint.problem is None
    constraint(mx.array([99]), mx.zeros((1, 300)))  # none that may come
    assert str(constraint.problem).startswith("the JSON schema cannot be followed")

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from shadow_mlx.config import MODES, SamplingConfig
from shadow_mlx.generation.decode import decode, new_cache
from shadow_mlx.generation.draft_head import DraftHead
from shadow_mlx.generation.engine import modes_of
from shadow_mlx.generation.speculation import Habits
from shadow_mlx.serving.lanes import BatchLane, Kept, Lane, Order, SingleLane, can_batch
from shadow_mlx.shadow.attached import AttachedModel

PROMPTS = [(5, 6, 7), tuple(range(3, 40)), (9,)]
MOST = 9


def greedy(logprobs: Any) -> Any:
    return mx.argmax(logprobs, axis=-1)


def order(model: Any, prompt: tuple[int, ...], held: int = 0, caches: Any = None) -> Order:
    return Order(prompt, held, caches or new_cache(model), MOST, greedy, lambda held: [])


def run(lane: Lane, until: int | None = None) -> tuple[dict[int, list[int]], dict[int, Kept]]:
    tokens: dict[int, list[int]] = {}
    kept: dict[int, Kept] = {}
    steps = 0
    while len(lane) and (until is None or steps < until):
        for one in lane.step():
            tokens.setdefault(one.order, []).append(one.token)
            if one.kept is not None:
                assert one.reason in ("stop", "length")
                kept[one.order] = one.kept
        steps += 1
    return tokens, kept


def alone(model: Any, tokenizer: Any, prompt: tuple[int, ...]) -> list[int]:
    return list(decode(model, tokenizer, prompt, SamplingConfig(max_tokens=MOST)).tokens)


def lanes(model: Any, tokenizer: Any) -> dict[str, list[Lane]]:
    ends = sorted(tokenizer.eos_token_ids)
    single = [SingleLane(model, tokenizer, greedy=True) for _ in PROMPTS]
    made: dict[str, list[Lane]] = {"batch": [BatchLane(model, ends, 8)] * 3, "single": [*single]}
    if isinstance(model, AttachedModel):
        habits = Habits(DraftHead(model))
        made["draft"] = [SingleLane(model, tokenizer, greedy=True, habits=habits) for _ in PROMPTS]
    return made


@pytest.mark.parametrize("mode", MODES)
def test_every_lane_gives_the_tokens_of_each_alone(
    tiny_attached: tuple[AttachedModel, Any], mode: Any
) -> None:
    model, tokenizer = modes_of(tiny_attached[0])[mode], tiny_attached[1]
    expected = [alone(model, tokenizer, prompt) for prompt in PROMPTS]
    for kind, three in lanes(model, tokenizer).items():
        for number, (lane, prompt) in enumerate(zip(three, PROMPTS, strict=True)):
            lane.add(number, order(model, prompt))
        tokens: dict[int, list[int]] = {}
        kept: dict[int, Kept] = {}
        for lane in dict.fromkeys(three):
            found = run(lane)
            tokens |= found[0]
            kept |= found[1]
        assert [tokens[i] for i in range(3)] == expected, kind
        for number, (held, caches) in kept.items():  # what is kept is what it says
            assert held == [*PROMPTS[number], *expected[number]], kind
            more = model(mx.array([[7]]), cache=caches)[0, -1]
            whole = model(mx.array([[*held, 7]]))[0, -1]
            assert mx.abs(more - whole).max().item() < 1e-3, kind
        for lane in three:
            lane.close()


def test_answers_come_and_go_while_others_are_computed(
    tiny_attached: tuple[AttachedModel, Any],
) -> None:
    model, tokenizer = tiny_attached
    expected = [alone(model, tokenizer, prompt) for prompt in PROMPTS]
    lane = BatchLane(model, sorted(tokenizer.eos_token_ids), 8)
    lane.add(0, order(model, PROMPTS[0]))
    before, _ = run(lane, 4)
    lane.add(1, order(model, PROMPTS[1]))
    run_on, _ = run(lane, 3)
    left = lane.remove(1)
    assert lane.remove(1) is None
    lane.add(2, order(model, PROMPTS[2]))
    rest, _ = run(lane)
    assert before[0] + run_on[0] + rest[0] == expected[0]
    assert rest[2] == expected[2]
    assert left is not None
    held, caches = left
    assert tuple(held[: len(PROMPTS[1])]) == PROMPTS[1][: len(held)]
    # what was left goes on where it was
    again = (*held, 8)
    lane.add(3, order(model, again, len(held), caches))
    assert run(lane)[0][3] == alone(model, tokenizer, again)


def test_what_a_single_lane_leaves_is_the_text_so_far(
    tiny_attached: tuple[AttachedModel, Any],
) -> None:
    model, tokenizer = tiny_attached
    for draft in (False, True):
        habits = Habits(DraftHead(model)) if draft else None
        lane = SingleLane(model, tokenizer, greedy=True, habits=habits)
        lane.add(0, order(model, PROMPTS[0]))
        tokens, _ = run(lane, 3)
        left = lane.remove(0)
        assert left is not None
        assert left[0] == [*PROMPTS[0], *tokens[0]]
        more = model(mx.array([[7]]), cache=left[1])[0, -1]
        assert mx.abs(more - model(mx.array([[*left[0], 7]]))[0, -1]).max().item() < 1e-3
        assert (len(lane), lane.remove(0), list(lane.step())) == (0, None, [])


def test_caches_that_stand_for_one_row_are_not_batched(
    tiny_attached: tuple[AttachedModel, Any],
) -> None:
    model = tiny_attached[0]
    assert can_batch(new_cache(model))
    assert not can_batch(new_cache(model, 16))  # its first tokens would be lost
    assert not can_batch([object()])

"""Drafts change nothing but the number of passes: tokens, distributions and caches are the same."""

from __future__ import annotations

import dataclasses
import itertools
from functools import cache
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx_lm.generate import generate_step
from mlx_lm.sample_utils import make_logits_processors, make_sampler

from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import SamplingConfig, ShadowConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.generation.decode import decode
from shadow_mlx.generation.draft_head import DraftHead
from shadow_mlx.generation.drafting import Pace, Plan
from shadow_mlx.generation.engine import Engine
from shadow_mlx.generation.speculation import Habits, Speculation
from shadow_mlx.loading import load, load_backbone
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.copying import copy_blocks
from tests.shadow.tiny_models import QWEN3, backbone

PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]
GREEDY = make_sampler(0.0)


@cache
def attached(seed: int = 0, *, quantized: bool = False, good: bool = False, **changes: Any) -> Any:
    """A model whose shadow matters; a ``good`` one is its backbone, so that drafts are right.

    Built once; tests leave it as they find it.
    """
    model = backbone(**changes)
    if quantized:
        nn.quantize(model, group_size=32, bits=8)
    config = QWEN3 | changes
    layers = config["num_hidden_layers"] if good else 1
    found = attach(model, config, ShadowConfig(rank=4, shadow_layers=layers), seed=seed)
    if good:
        source = [block.block for block in found.decoder.blocks]
        for own, block in zip(found.shadow.backbone.decoder.blocks, source, strict=True):
            own.update(block.parameters())
    else:
        for i, layer in enumerate(found.shadow.layers):
            shape = layer.up.weight.shape
            layer.up.weight = 0.3 * mx.random.normal(shape, key=mx.random.key(i))
    mx.eval(found.parameters())
    return found.eval()


def fixed(model: AttachedModel, count: int | None) -> Habits:
    """Always so many drafts of the shadow."""
    return Habits(DraftHead(model), Pace(count))


def plain(model: AttachedModel, count: int, caches=None, prompt=PROMPT, **options) -> list[int]:
    steps = generate_step(
        mx.array(prompt),
        model,
        max_tokens=count,
        prompt_cache=caches or model.make_cache(),
        sampler=options.pop("sampler", GREEDY),
        **options,
    )
    return [token for token, _ in steps]


def drafted(model: AttachedModel, count: int, k: int | None, caches=None, prompt=PROMPT, **options):
    greedy = "sampler" not in options
    one = Speculation(
        model,
        caches or model.make_cache(),
        options.pop("sampler", GREEDY),
        options.pop("logits_processors", ()),
        greedy=greedy,
        habits=fixed(model, k),
    )
    return [token.token for token in one.generate(prompt, count)], one


@pytest.mark.parametrize("k", [0, 1, 3, 8, None])
@pytest.mark.parametrize("good", [False, True])
def test_greedy_text_is_the_same_to_the_token(k: int | None, good: bool) -> None:
    model = attached(good=good)
    expected = plain(model, 40)
    found, one = drafted(model, 40, k)
    assert found == expected
    assert one.told.tokens == 40
    if good and k:
        assert one.told.passes <= -(-40 // (k + 1)) + 1
        assert one.told.acceptance > 0.9


@pytest.mark.parametrize(
    "changes",
    [
        {"tie_word_embeddings": False},
        {"model_type": "llama"},
        {
            "model_type": "gemma3_text",
            "query_pre_attn_scalar": 16,
            "sliding_window": 12,
            "sliding_window_pattern": 3,
        },
    ],
)
def test_of_other_architectures_too(changes: dict[str, Any]) -> None:
    model = attached(**changes)
    assert drafted(model, 40, 4)[0] == plain(model, 40)


def test_of_a_quantized_backbone() -> None:
    model = attached(quantized=True)
    assert drafted(model, 40, 4)[0] == plain(model, 40)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("count", range(1, 8))  # k + 1 at a time
@pytest.mark.parametrize("good", [False, True])
def test_the_caches_hold_what_was_said_wherever_it_ends(k: int, count: int, good: bool) -> None:
    model = attached(good=good)
    caches, given = model.make_cache(), []
    one = Speculation(model, caches, GREEDY, greedy=True, habits=fixed(model, k))
    tokens = one.generate(PROMPT, 40)
    for token in tokens:
        given.append(token.token)
        if len(given) == count:
            tokens.close()
            break
    assert {entry.offset for entry in caches} == {len(PROMPT) + count}
    following = [7, 7]
    expected = plain(model, 6, prompt=[*PROMPT, *given, *following])
    assert plain(model, 6, caches, prompt=following) == expected


@pytest.mark.parametrize("size", [10, 20])
def test_a_rotating_cache_ends_the_drafting_before_it_turns(size: int) -> None:
    model = attached(good=True)
    found, one = drafted(model, 40, 4, model.make_cache(size))
    assert found == plain(model, 40, model.make_cache(size))
    assert one.told.passes > 40 - size


def test_where_nothing_can_be_taken_back_tokens_come_one_at_a_time_without_a_pause() -> None:
    model, pace = attached(good=True), Scripted(Plan("shadow", 4))
    habits = Habits(DraftHead(model), pace)
    one = Speculation(model, model.make_cache(10), GREEDY, greedy=True, habits=habits)
    tokens = [token.token for token in one.generate(PROMPT, 40)]
    assert tokens == plain(model, 40, model.make_cache(10))
    (last, _) = pace.learnt[-1]
    assert last.source is None
    assert last.count > 30


class Scripted(Pace):
    """Plans in turn, again and again: what is chosen is not the test's matter."""

    def __init__(self, *plans: Plan) -> None:
        super().__init__()
        self._plans, self.learnt = itertools.cycle(plans), []

    def next(self, offered: int) -> Plan:
        plan = next(self._plans)
        if plan.source != "lookup":
            return plan
        return Plan("lookup", min(plan.count, offered)) if offered else Plan(None, 2)

    def looking_pays(self, offered: int) -> bool:
        return offered > 2

    def learn(self, plan: Plan, accepted: int, seconds: float) -> None:
        assert seconds > 0
        self.learnt.append((plan, accepted))
        super().learn(plan, accepted, seconds)


MIXED = (Plan("lookup", 5), Plan(None, 6), Plan("shadow", 2), Plan("lookup", 1))


@pytest.mark.parametrize("good", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5, 11, 24, 60])
def test_drafts_of_all_kinds_mixed_leave_text_and_caches_as_they_were(
    good: bool, count: int
) -> None:
    """A tiny random model repeats itself, so that looking back is right now and then."""
    model = attached(good=good)
    caches, pace = model.make_cache(), Scripted(*MIXED)
    one = Speculation(model, caches, GREEDY, greedy=True, habits=Habits(DraftHead(model), pace))
    given = []
    tokens = one.generate(PROMPT, 60)
    for token in tokens:
        given.append(token.token)
        if len(given) == count:
            tokens.close()
            break
    assert given == plain(model, count)
    assert {entry.offset for entry in caches} == {len(PROMPT) + count}
    expected = plain(model, 6, prompt=[*PROMPT, *given, 7, 7])
    assert plain(model, 6, caches, prompt=[7, 7]) == expected
    if count == 60:
        kinds = {plan.source for plan, _ in pace.learnt}
        assert kinds == {None, "shadow", "lookup"}
        assert one.told.looked_up > 0
        assert one.told.tokens == 60
        assert one.told.passes < 60


def test_what_the_caches_hold_is_looked_up_too() -> None:
    model = attached()
    said = plain(model, 24)
    caches, before = model.make_cache(), [*PROMPT, *said, *PROMPT[:-1]]
    model(mx.array([before]), cache=caches)
    pace = Scripted(Plan("lookup", 8))
    habits = Habits(DraftHead(model), pace)
    one = Speculation(model, caches, GREEDY, greedy=True, habits=habits, before=before)
    found = [token.token for token in one.generate(PROMPT[-1:], 8)]
    expected = plain(model, 8, prompt=[*before, PROMPT[-1]])
    assert found == expected
    assert pace.learnt[0][0] == Plan("lookup", 7)  # the last token comes by itself


def test_processors_see_the_same_history() -> None:
    model = attached(good=True)
    processors = make_logits_processors(repetition_penalty=1.5)
    expected = plain(model, 40, logits_processors=processors)
    assert drafted(model, 40, 4, logits_processors=processors)[0] == expected
    pace = Scripted(*MIXED)
    habits = Habits(DraftHead(model), pace)
    one = Speculation(model, model.make_cache(), GREEDY, processors, greedy=True, habits=habits)
    assert [token.token for token in one.generate(PROMPT, 40)] == expected
    assert expected != plain(model, 40)


def test_a_near_tie_is_decided_as_without_drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every place held for a near tie, each token is that of a pass over one token."""
    monkeypatch.setattr("shadow_mlx.generation.speculation.NEAR", {mx.float32: 1e6})
    model = attached(good=True)
    found, one = drafted(model, 20, 4)
    assert found == plain(model, 20)
    assert one.told.accepted == 0


def test_sampled_text_has_the_models_distribution() -> None:
    """Pearson's χ² of 600 second tokens against their exact chances; a false alarm in 10,000."""
    model = attached(vocab_size=16)
    prompt, sampler = [3, 1, 4], make_sampler(1.0)
    first = mx.softmax(model(mx.array([prompt]))[0, -1])
    behind = mx.array([[*prompt, token] for token in range(16)])
    second = np.array(first @ mx.softmax(model(behind)[:, -1], axis=-1), np.float64)
    counts = np.zeros(16)
    for seed in range(600):
        mx.random.seed(seed)
        tokens, one = drafted(model, 2, 1, prompt=prompt, sampler=sampler)
        counts[tokens[1]] += 1
    assert one.told.drafted > 0
    expected = 600 * second
    kept = expected > 5
    counts, expected = (np.append(x[kept], x[~kept].sum()) for x in (counts, expected))
    chi = ((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum()
    degrees = len(counts) - 1
    # Wilson and Hilferty's approximation of the quantile at 1 − 1e-4
    bound = degrees * (1 - 2 / (9 * degrees) + 3.719 * (2 / (9 * degrees)) ** 0.5) ** 3
    assert chi < bound


def test_a_sampler_is_asked_of_one_place_at_a_time() -> None:
    """One that draws once for all that it is given (XTC) would otherwise couple the places."""
    asked = []

    def sampler(logprobs: mx.array) -> mx.array:
        asked.append(logprobs.shape[0])
        return mx.argmax(logprobs, axis=-1)

    drafted(attached(good=True), 12, 3, sampler=sampler)
    assert set(asked) == {1}


@pytest.fixture(scope="module")
def sprout_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sprout with a shadow that is a copy of its own blocks, so that its drafts are right."""
    folder = tmp_path_factory.mktemp("drafter")
    model, config, _ = load_backbone("sprout")
    found = attach(model, config, ShadowConfig(rank=4, shadow_layers=len(model.layers)))
    copy_blocks(found.shadow.backbone, found.decoder, "first")
    save_adapter(folder, found, backbone="sprout", backbone_config=config)
    return folder


@pytest.mark.parametrize("options", [{}, {"repetition_penalty": 1.2}, {"max_kv_size": 64}])
def test_answers_are_the_same_with_drafts(sprout_adapter: Path, options: dict[str, Any]) -> None:
    model, tokenizer = load(None, sprout_adapter)
    for text in ("Say: red cup", "Count from 1 to 9.", "Hello!"):
        messages = [{"role": "user", "content": text}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        sampling = SamplingConfig(max_tokens=32, **options)
        one = decode(model, tokenizer, prompt, dataclasses.replace(sampling, draft=False))
        other = decode(model, tokenizer, prompt, sampling)
        assert (other.text, other.tokens, other.finish_reason) == (
            one.text,
            one.tokens,
            one.finish_reason,
        )
        assert one.drafted is None
        assert other.drafted.tokens == len(other.tokens)
        assert other.in_cache


def test_a_conversation_goes_on_from_the_caches_of_a_drafted_answer(sprout_adapter: Path) -> None:
    answers = []
    for draft in (False, True):
        model, tokenizer = load(None, sprout_adapter)
        engine, said = Engine(model, ChatFormat(tokenizer)), ""
        for text in ("one two", " and then", " or not"):
            sampling = SamplingConfig(max_tokens=12, draft=draft)
            answer = engine.answer(said + text, "attached", sampling)
            assert answer.in_cache
            said += text + answer.text
        assert answer.cached_tokens > 0
        answers.append(said)
    assert answers[0] == answers[1]


def test_stopped_it_keeps_what_was_said(sprout_adapter: Path) -> None:
    model, tokenizer = load(None, sprout_adapter)
    stop, cache = StopToken(), model.make_cache()
    messages = [{"role": "user", "content": "Count from 1 to 9."}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)

    def listen(text: str) -> None:
        stop.stop()

    sampling = SamplingConfig(max_tokens=32, draft=True)
    answer = decode(model, tokenizer, prompt, sampling, cache=cache, on_text=listen, stop=stop)
    assert answer.finish_reason == "interrupted"
    assert {entry.offset for entry in cache} == {len(prompt) + len(answer.tokens)}


def test_other_modes_pass_over_the_option(sprout_adapter: Path) -> None:
    for mode in ("base", "detached"):
        model, tokenizer = load(None, sprout_adapter, mode)
        sampling = SamplingConfig(max_tokens=4)
        assert decode(model, tokenizer, [1, 2, 3], sampling).drafted is None

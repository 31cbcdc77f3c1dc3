"""Rivals beside our modes, judged alike; and comparisons that were stopped and go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.config import CompareConfig
from shadow_mlx.errors import InputError, Interrupted
from shadow_mlx.evaluation import measuring
from shadow_mlx.evaluation.answering import answer_all
from shadow_mlx.evaluation.measuring import measure
from shadow_mlx.evaluation.outcomes import OTHER_TOKENS
from shadow_mlx.evaluation.results import Comparison
from shadow_mlx.runs.events import StopToken
from tests.mlx_lm_adapters import write_mlx_lm_adapter
from tests.tiny import CHATML, write_tiny_backbone


def options(adapter: Path, chats: Path, **more: Any) -> CompareConfig:
    given = {"data": str(chats), "adapter_path": [str(adapter)], "max_tokens": 6, **more}
    return CompareConfig.from_mapping(given)


def scored(comparison: Comparison) -> list[dict[str, Any]]:
    """Everything but what a clock has measured."""
    timed = {"prompt_tps", "decode_tps", "first_token_seconds", "memory_bytes", "seconds"}
    mapping = comparison.to_mapping()
    results = [{k: v for k, v in one.items() if k not in timed} for one in mapping["results"]]
    return [*results, *mapping["examples"], *mapping["pairings"]]


def test_rivals_are_measured_beside_our_modes(
    adapter: Path, chats: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    rivals = [
        str(write_mlx_lm_adapter(tmp_path / kind, tiny_backbone, kind))
        for kind in ("lora", "dora", "full")
    ]
    comparison = measure(options(adapter, chats, rival=[*rivals, str(tiny_backbone)]))
    assert [result.mode for result in comparison.results] == [
        "base", "attached", "detached", "lora", "dora", "full", "model",
    ]  # fmt: skip
    base, *_, lora, dora, full, model = comparison.results
    assert lora.adapter == rivals[0]
    assert {one.model for one in comparison.results} == {str(tiny_backbone)}
    assert 0 < lora.trainable_parameters < dora.trainable_parameters < full.trainable_parameters
    assert lora.parameters == base.parameters + lora.trainable_parameters
    assert full.parameters == base.parameters
    assert len({base.loss, lora.loss, dora.loss, full.loss}) == 4
    # The backbone as a rival is the base, whatever stood on it in between.
    assert (model.answers, model.loss) == (base.answers, base.loss)
    assert (model.adapter, model.parameters) == (None, base.parameters)
    assert comparison.notes == ()
    json.dumps(comparison.to_mapping(), allow_nan=False)


def test_a_model_with_another_template_is_asked_the_same_and_it_is_said(
    adapter: Path, chats: Path, tmp_path: Path
) -> None:
    other = write_tiny_backbone(
        tmp_path / "other", chat_template=CHATML.replace("<|im_start|>", "<|im_start|>\n")
    )
    comparison = measure(options(adapter, chats, modes=["detached"], rival=[str(other)]))
    assert OTHER_TOKENS in comparison.notes
    assert [len(result.answers) for result in comparison.results] == [3, 3]


def test_a_metric_is_chosen_and_scored(adapter: Path, chats: Path) -> None:
    asked = options(adapter, chats, modes=["base"], metric="contains")
    comparison = measure(asked)
    mapping = comparison.to_mapping()
    assert mapping["metric"]["name"] == "contains"
    (result,) = mapping["results"]
    assert result["scores"].keys() == {"contains"}
    assert result["scores"]["contains"]["value"] == sum(comparison.results[0].right) / 3
    lines = [{"prompt": "x", "completion": f"label {i % 3}"} for i in range(20)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    chats.write_text(f"{text}no record\n", encoding="utf-8")
    labels = measure(options(adapter, chats, modes=["base"], limit=2))
    assert labels.metric.name == "label"
    assert labels.results[0].scores.keys() == {"accuracy", "macro_f1"}
    with pytest.raises(InputError, match="no expected answer is a JSON"):
        measure(options(adapter, chats, modes=["base"], metric="json", limit=2))


def test_a_rival_that_does_not_fit_is_refused_before_anybody_is_asked(
    adapter: Path, chats: Path, tmp_path: Path
) -> None:
    wide = write_tiny_backbone(tmp_path / "wide", hidden_size=64)
    lora = write_mlx_lm_adapter(tmp_path / "lora", wide)
    steps: list[str] = []
    with pytest.raises(InputError, match="it was trained on"):
        measure(options(adapter, chats, rival=[str(lora)]), lambda what, *_: steps.append(what))
    assert steps == []


def stopping_at(step: str, stop: StopToken) -> Callable[[str, int, int], None]:
    def on_step(what: str, done: int, total: int) -> None:
        if what == step:
            stop.stop()

    return on_step


@pytest.mark.parametrize("step", ["attached: loss", "attached: answers", "detached: loading"])
def test_a_stopped_comparison_goes_on_to_what_it_would_have_been(
    adapter: Path, chats: Path, tiny_backbone: Path, tmp_path: Path, step: str
) -> None:
    lora = str(write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone))
    chats.write_text(chats.read_text(encoding="utf-8") * 4, encoding="utf-8")
    asked = options(adapter, chats, rival=[lora], batch_size=8)
    whole = measure(asked)
    log, stop = tmp_path / "log", StopToken()
    if step == "detached: loading":  # between two groups of weights
        step = "lora: loading"
    cut = measure(asked, stopping_at(step, stop), stop, answers=log)
    assert cut.stopped
    assert scored(cut) != scored(whole)
    resumed = measure(asked, answers=log, resume=True)
    assert not resumed.stopped
    assert scored(resumed) == scored(whole)


def test_what_was_answered_is_not_asked_again(
    adapter: Path, chats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(model: Any, tokenizer: Any, questions: Any, **more: Any) -> Any:
        asked.append(len(questions))
        return answer_all(model, tokenizer, questions, **more)

    def never(*args: Any, **more: Any) -> Any:
        raise AssertionError("measured again")

    log, stop = tmp_path / "log", StopToken()
    chats.write_text(chats.read_text(encoding="utf-8") * 4, encoding="utf-8")
    given = options(adapter, chats, modes=["base", "attached"], batch_size=8)
    measure(given, stopping_at("attached: answers", stop), stop, answers=log)
    monkeypatch.setattr(measuring, "answer_all", counted)
    monkeypatch.setattr(measuring, "mean_loss", never)
    monkeypatch.setattr(measuring, "measure_speed", never)
    first = measure(given, answers=log, resume=True)
    assert asked == [4]
    again = measure(given, answers=log, resume=True)
    assert asked == [4]
    assert first.to_mapping() == again.to_mapping()


def test_a_rival_may_join_later(
    adapter: Path, chats: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    alone = measure(options(adapter, chats), answers=log)
    joined = measure(
        options(adapter, chats, rival=[str(tiny_backbone)], metric="contains"),
        answers=log,
        resume=True,
    )
    assert [result.seconds for result in joined.results[:3]] == [
        result.seconds for result in alone.results
    ]
    assert len(joined.results) == 4


def test_other_data_options_or_files_are_refused(
    adapter: Path, chats: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    lora, log = write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone), tmp_path / "log"
    given: dict[str, Any] = {"modes": ["base"], "rival": [str(lora)]}
    measure(options(adapter, chats, **given), answers=log)
    with pytest.raises(InputError, match="max_tokens: 6 then, 7 now"):
        measure(options(adapter, chats, max_tokens=7, **given), answers=log, resume=True)
    os.utime(lora / "adapters.safetensors", ns=(1, 1))
    with pytest.raises(InputError, match="the files of lora have changed"):
        measure(options(adapter, chats, **given), answers=log, resume=True)
    chats.write_text(chats.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="data: "):
        measure(options(adapter, chats, **given), answers=log, resume=True)


def test_stopped_at_once_there_is_nothing_to_go_on_from(
    adapter: Path, chats: Path, tmp_path: Path
) -> None:
    stop, log = StopToken(), tmp_path / "log"
    stop.stop()
    with pytest.raises(Interrupted):
        measure(options(adapter, chats), stop=stop, answers=log)
    assert measure(options(adapter, chats, modes=["base"]), answers=log).results

"""Who writes the answers that are learnt."""

from __future__ import annotations

import pytest

from shadow_mlx.config import TrainConfig, WritingConfig
from shadow_mlx.errors import ConfigError


def test_a_run_learns_what_the_data_say_unless_told_otherwise() -> None:
    assert WritingConfig() == TrainConfig().part(WritingConfig)
    assert WritingConfig().answers == "given"


@pytest.mark.parametrize("teacher", [{}, {"teacher": "base"}])
@pytest.mark.parametrize("answers", ["missing", "all", "right"])
def test_answers_need_somebody_who_writes_them(answers: str, teacher: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"--answers {answers}: nobody"):
        TrainConfig.from_mapping({"answers": answers, **teacher}, where="the run").check()


def test_an_answer_has_a_token_at_least() -> None:
    with pytest.raises(ConfigError, match="--max-tokens: must be at least 1"):
        TrainConfig.from_mapping({"max_tokens": 0}, where="the run").check()

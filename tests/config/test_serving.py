from __future__ import annotations

import pytest

from shadow_mlx.config import ServeConfig
from shadow_mlx.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_alone(host: str) -> None:
    assert ServeConfig(host=host).is_local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_others_too(host: str) -> None:
    assert not ServeConfig(host=host).is_local


def test_the_adapters_are_the_named_ones_or_the_usual() -> None:
    assert ServeConfig().adapters == ("adapters",)
    assert ServeConfig(model="x").adapters == ()
    assert ServeConfig(model="x", adapter_path=("a", "b")).adapters == ("a", "b")


def test_an_answer_is_not_longer_than_the_longest() -> None:
    with pytest.raises(ConfigError, match="--max-tokens 600: more than --longest-answer 500"):
        ServeConfig(max_tokens=600, longest_answer=500)

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.config import API_KEY_VARIABLE, ServeConfig
from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.serving.keys import key_of


def test_a_key_is_of_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
    assert key_of(ServeConfig()) is None
    monkeypatch.setenv(API_KEY_VARIABLE, "of the environment")
    assert key_of(ServeConfig()) == "of the environment"
    file = tmp_path / "key"
    file.write_text("of a file\n")
    assert key_of(ServeConfig(api_key_file=str(file))) == "of a file"
    for wrong in ("", "short", "ümläute und mehr", "two\nlines here"):
        file.write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError, match="expected a key of 8 or more"):
            key_of(ServeConfig(api_key_file=str(file)))
    with pytest.raises(InputError, match="No such file"):
        key_of(ServeConfig(api_key_file=str(tmp_path / "nothing")))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "my-machine.local"])
def test_whom_others_can_reach_wants_a_key(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match="other machines can reach that"):
        key_of(ServeConfig(host=host))
    monkeypatch.setenv(API_KEY_VARIABLE, "long enough")
    assert key_of(ServeConfig(host=host)) == "long enough"

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.backbones import bundled
from shadow_mlx.errors import ModelError


def test_bundled_models_are_found_in_a_wheel_and_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "shadow_mlx"
    (package / "models" / "sprout").mkdir(parents=True)
    (package / "models" / "sprout" / "config.json").write_text("{}")
    monkeypatch.setattr(bundled, "__file__", str(package / "backbones" / "bundled.py"))
    assert bundled.bundled_model("sprout") == package / "models" / "sprout"
    assert bundled.bundled_models() == ["sprout"]
    with pytest.raises(ModelError, match=r"no bundled model 'oak' \(bundled: sprout\)"):
        bundled.bundled_model("oak")
    (package / "models" / "sprout" / "config.json").unlink()
    (tmp_path / "site" / "models" / "sprout").mkdir(parents=True)
    (tmp_path / "site" / "models" / "sprout" / "config.json").write_text("{}")
    assert bundled.bundled_model("sprout") == tmp_path / "site" / "models" / "sprout"

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.evaluation.rivals import rival_of
from tests.mlx_lm_adapters import write_mlx_lm_adapter


def test_a_folder_says_what_it_is(tmp_path: Path, tiny_backbone: Path) -> None:
    folder = write_mlx_lm_adapter(tmp_path / "x", tiny_backbone, "dora")
    assert rival_of(str(folder)).kind == "dora"
    for name in (str(tiny_backbone), "sprout", "owner/model", str(tmp_path / "nowhere")):
        assert (rival_of(name).kind, rival_of(name).adapter) == ("model", None)


def test_an_adapter_of_ours_is_no_rival(tiny_adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=f"holds a shadow; name it with --adapter-path {tiny_adapter}"
    ):
        rival_of(str(tiny_adapter))
    (tmp_path / "shadow_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="holds a shadow"):
        rival_of(str(tmp_path))


@pytest.mark.parametrize(("text", "kind"), [('{"peft_type": "LORA"}', "LORA"), ("{", "unknown")])
def test_adapters_of_peft_are_refused_with_the_way_out(
    tmp_path: Path, text: str, kind: str
) -> None:
    (tmp_path / "adapter_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"PEFT \({kind}\).*mlx_lm.convert"):
        rival_of(str(tmp_path))


def test_what_it_says_is_text(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": [1]}), encoding="utf-8")
    with pytest.raises(InputError, match=r"\(\[1\]\)"):
        rival_of(str(tmp_path))

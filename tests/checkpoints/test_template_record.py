"""An adapter is asked as it was trained, unless a person says otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from mlx_lm.utils import load_model

from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.checkpoints.template_record import template_of, to_record
from shadow_mlx.config import ShadowConfig, TemplateConfig
from shadow_mlx.errors import CheckpointError
from shadow_mlx.shadow.attached import attach

OFF = TemplateConfig(thinking="off", chat_template_config='{"style": "short"}')


@pytest.fixture
def adapter(tiny_backbone: Path, tmp_path: Path) -> Path:
    model, config = load_model(tiny_backbone)
    attached = attach(model, config, ShadowConfig(rank=2), seed=0)
    save_adapter(
        tmp_path / "a",
        attached,
        backbone=str(tiny_backbone),
        backbone_config=config,
        template=to_record(OFF),
    )
    return tmp_path / "a"


def test_what_nobody_says_is_as_in_training(adapter: Path) -> None:
    assert template_of(adapter) == OFF
    on = TemplateConfig(thinking="on")
    assert template_of(adapter, on) == TemplateConfig("on", OFF.chat_template_config)
    other = TemplateConfig(chat_template_config="{}")
    assert template_of(adapter, other) == TemplateConfig("off", "{}")
    assert template_of(None, on) == on
    assert template_of(None) == TemplateConfig()


def test_defaults_are_not_recorded_and_adapters_of_before_have_none(
    adapter: Path, tmp_path: Path
) -> None:
    assert to_record(TemplateConfig()) is None
    before = shutil.copytree(adapter, tmp_path / "before")
    config = json.loads((before / "adapter_config.json").read_text())
    del config["shadow_mlx"]["template"]
    (before / "adapter_config.json").write_text(json.dumps(config))
    assert template_of(before) == TemplateConfig()


@pytest.mark.parametrize("damage", [{"thinking": "maybe"}, {"other": 1}, ["thinking"], 3])
def test_a_damaged_record_is_named(adapter: Path, damage: object) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["shadow_mlx"]["template"] = damage
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"adapter_config\.json:\n  template: "):
        template_of(adapter)

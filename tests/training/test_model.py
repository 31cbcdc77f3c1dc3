import json
from dataclasses import replace

import pytest

from shadow_mlx.errors import ConfigError
from shadow_mlx.jobs import train
from shadow_mlx.runs.events import Validated
from tests.training.conftest import Heard


def test_an_adapter_to_start_from_gives_its_weights(make_config, tmp_path, heard):
    first = train(make_config())
    config = make_config(
        adapter_path=str(tmp_path / "second"), init_adapter=str(first.adapter_path), alpha=0.7
    )
    train(config, heard)
    begun = Heard()
    train(make_config(adapter_path=str(tmp_path / "fresh")), begun)
    assert heard.of(Validated)[0].loss < begun.of(Validated)[0].loss
    saved = json.loads((tmp_path / "second" / "adapter_config.json").read_text(encoding="utf-8"))
    assert saved["shadow_alpha"] == 0.7
    assert train(config, resume=True).reason == "done"
    with pytest.raises(ConfigError, match="--rank: the adapter has 4, asked for is 6"):
        train(replace(config, rank=6, adapter_path=str(tmp_path / "third")))

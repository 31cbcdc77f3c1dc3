from pathlib import Path
from typing import ClassVar

import pytest
from mlx_lm.tuner import callbacks

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.events import Validated
from shadow_mlx.training.callbacks import service_listener
from tests.cli.test_progress import TRAINED


class Service(callbacks.TrainingCallback):
    """Stands for W&B."""

    made: ClassVar[dict] = {}
    reports: ClassVar[list] = []

    def __init__(self, **made) -> None:
        type(self).made = made

    def on_train_loss_report(self, train_info: dict) -> None:
        self.reports.append(train_info)

    def on_val_loss_report(self, val_info: dict) -> None:
        self.reports.append(val_info)


def test_without_the_flag_nothing_is_reported():
    assert service_listener(TrainConfig(), Path("run")) is None


def test_events_become_the_callbacks_of_mlx_lm(monkeypatch):
    monkeypatch.setitem(callbacks.SUPPORT_CALLBACK, "wandb", Service)
    listener = service_listener(TrainConfig(report_to="wandb", rank=3), Path("folder/run"))
    assert listener is not None
    assert Service.made["project_name"] == "run"
    assert Service.made["config"]["rank"] == 3
    listener(TRAINED)
    listener(Validated(0.0, 10, 1.5, 2.75, tokens=50, seconds=0.1, best=True))
    trained, validated = Service.reports
    assert (trained["iteration"], trained["train_loss"]) == (10, 1.25)
    assert trained["peak_memory"] == 1.5
    assert (validated["val_loss"], validated["shadow_val_loss"]) == (1.5, 2.75)


@pytest.mark.parametrize(("name", "words"), [("wandb", "pip install wandb"), ("odd", "odd")])
def test_a_service_that_cannot_be_used_is_named(monkeypatch, name, words):
    monkeypatch.setattr(callbacks, "wandb", None)
    with pytest.raises(ConfigError, match=words):
        service_listener(TrainConfig(report_to=name), Path("run"))

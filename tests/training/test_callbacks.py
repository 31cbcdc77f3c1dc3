from pathlib import Path
from typing import ClassVar

import pytest
from mlx_lm.tuner import callbacks

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError, SurroundingsError
from shadow_mlx.runs.events import Validated
from shadow_mlx.training.callbacks import service_listeners
from tests.cli.test_run_display import TRAINED


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
    assert service_listeners(TrainConfig(), Path("run")) == []


def test_events_become_the_callbacks_of_mlx_lm(monkeypatch):
    monkeypatch.setitem(callbacks.SUPPORT_CALLBACK, "wandb", Service)
    (listener,) = service_listeners(TrainConfig(report_to="wandb", rank=3), Path("folder/run"))
    assert Service.made["project_name"] == "run"
    assert Service.made["config"]["rank"] == 3
    listener(TRAINED)
    listener(
        Validated(0.0, 10, {"loss": 1.5, "shadow_loss": 2.75}, tokens=50, seconds=0.1, best=True)
    )
    trained, validated = Service.reports
    assert (trained["iteration"], trained["train_loss"]) == (10, 1.25)
    assert (trained["shadow_train_loss"], trained["peak_memory"]) == (2.5, 1.5)
    assert (validated["val_loss"], validated["shadow_val_loss"]) == (1.5, 2.75)


@pytest.mark.parametrize(("name", "words"), [("wandb", "pip install wandb"), ("odd", "odd")])
def test_a_service_that_cannot_be_used_is_named(monkeypatch, name, words):
    monkeypatch.setattr(callbacks, "wandb", None)
    with pytest.raises(ConfigError, match=words):
        service_listeners(TrainConfig(report_to=name), Path("run"))


def test_each_service_listens_for_itself(monkeypatch):
    for name in ("wandb", "swanlab"):
        monkeypatch.setitem(callbacks.SUPPORT_CALLBACK, name, Service)
    listeners = service_listeners(TrainConfig(report_to="wandb, swanlab"), Path("run"))
    assert [listener.name for listener in listeners] == ["wandb", "swanlab"]


def test_a_service_that_cannot_begin_is_a_matter_of_the_surroundings(monkeypatch):
    class Unreachable(Service):
        def __init__(self, **made) -> None:
            raise TimeoutError("no answer")

    monkeypatch.setitem(callbacks.SUPPORT_CALLBACK, "wandb", Unreachable)
    with pytest.raises(SurroundingsError, match=r"wandb: cannot begin \(TimeoutError: no answer"):
        service_listeners(TrainConfig(report_to="wandb"), Path("run"))

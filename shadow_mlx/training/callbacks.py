"""Reports to services (W&B, SwanLab) through mlx-lm's own callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.events import Event, Listener, Trained, Validated


def service_listener(config: TrainConfig, folder: Path) -> Listener | None:
    """A listener that reports to the services of ``--report-to``, or ``None`` without any.

    Raises:
        ConfigError: A service is unknown, or its package is not installed.
    """
    if not config.report_to:
        return None
    from mlx_lm.tuner.callbacks import get_reporting_callbacks

    try:
        callback = get_reporting_callbacks(
            report_to=config.report_to,
            project_name=config.project_name or folder.name,
            log_dir=str(folder),
            config=config.to_mapping(),
        )
    except ImportError as error:
        names = " ".join(part.strip() for part in config.report_to.split(","))
        raise ConfigError(
            f"--report-to {config.report_to}: {error} (pip install {names}), or leave the flag out"
        ) from error
    except ValueError as error:
        raise ConfigError(f"--report-to {config.report_to}: {error}") from error
    return None if callback is None else _Forwarder(callback)


class _Forwarder:
    """Translates events into the dictionaries of mlx-lm's callbacks."""

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    def __call__(self, event: Event) -> None:
        if isinstance(event, Trained):
            self._callback.on_train_loss_report(
                {
                    "iteration": event.step,
                    "train_loss": event.loss,
                    "shadow_train_loss": event.shadow_loss,
                    "learning_rate": event.learning_rate,
                    "gradient_norm": event.gradient_norm,
                    "iterations_per_second": event.steps_per_second,
                    "tokens_per_second": event.tokens_per_second,
                    "trained_tokens": event.trained_tokens,
                    "peak_memory": event.peak_memory_bytes / 1e9,
                }
            )
        elif isinstance(event, Validated):
            self._callback.on_val_loss_report(
                {
                    "iteration": event.step,
                    "val_loss": event.loss,
                    "shadow_val_loss": event.shadow_loss,
                    "val_time": event.seconds,
                }
            )

"""Reports to services (W&B, SwanLab) through mlx-lm's own callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError, SurroundingsError
from shadow_mlx.runs.events import Event, Listener, Scored, Trained, Validated
from shadow_mlx.runs.losses import qualified


def service_listeners(config: TrainConfig, folder: Path) -> list[Listener]:
    """One listener for each service of ``--report-to``, so that none takes another one down.

    Raises:
        ConfigError: A service is unknown, or its package is not installed.
        SurroundingsError: A service refuses, or cannot be reached.
    """
    names = (config.report_to or "").split(",")
    return [_service_listener(name.strip(), config, folder) for name in names if name.strip()]


def _service_listener(service: str, config: TrainConfig, folder: Path) -> Listener:
    from mlx_lm.tuner.callbacks import get_reporting_callbacks

    try:
        callback = get_reporting_callbacks(
            report_to=service,
            project_name=config.project_name or folder.name,
            log_dir=str(folder),
            config=config.to_mapping(),
        )
    except ImportError as error:
        raise ConfigError(
            f"--report-to {service}: {error} (pip install {service}), or leave the flag out"
        ) from error
    except ValueError as error:
        raise ConfigError(f"--report-to {service}: {error}") from error
    except Exception as error:  # a service's package raises what it likes
        raise SurroundingsError(
            f"--report-to {service}: cannot begin ({type(error).__name__}: {error}). Mend that, or "
            "leave the flag out."
        ) from error
    return _Forwarder(service, callback)


class _Forwarder:
    """Translates events into the dictionaries of mlx-lm's callbacks."""

    def __init__(self, name: str, callback: Any) -> None:
        self.name = name
        self._callback = callback

    def __call__(self, event: Event) -> None:
        if isinstance(event, Trained):
            self._callback.on_train_loss_report(
                {
                    "iteration": event.step,
                    **_losses(event, "train"),
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
                    **_losses(event, "val"),
                    "val_time": event.seconds,
                }
            )


def _losses(event: Scored, word: str) -> dict[str, float]:
    return {qualified(name, word): value for name, value in event.losses.items()}

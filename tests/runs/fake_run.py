"""A run that only pretends: it holds the lock, writes the events, and obeys the signals.

``python -m tests.runs.fake_run -c CONFIG.yaml`` takes the place of ``shadow-mlx train``.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import time
from pathlib import Path

import yaml

from shadow_mlx.runs.events import (
    Event,
    PhaseChanged,
    RunEnded,
    RunStarted,
    Sampled,
    Saved,
    StopToken,
    Trained,
    Validated,
)
from shadow_mlx.runs.folder import EventLog, RunFolder


def started(total: int, start: int = 0, process: int = 0) -> RunStarted:
    return RunStarted(
        0.0,
        total,
        start,
        16,
        "sprout",
        67_890,
        2_700_000,
        3_000,
        200,
        90_000,
        30_000,
        2,
        1,
        process,
    )


def trained(step: int, total: int = 300, at: float = 0.0) -> Trained:
    loss = 3.0 * math.exp(-step / 60) + 0.2 + 0.05 * math.sin(step)
    left = (total - step) * 0.1
    return Trained(
        at,
        step,
        {"loss": loss, "shadow_loss": loss + 0.4},
        3e-3,
        0.8,
        2_345.0,
        10.0,
        step * 120,
        412_000_000,
        left,
        step / 90,
    )


def validated(step: int, at: float = 0.0) -> Validated:
    loss = 3.0 * math.exp(-step / 60) + 0.25
    return Validated(at, step, {"loss": loss, "shadow_loss": loss + 0.5}, 2_000, 0.4, True)


def sampled(step: int, example: int = 1, detached: str = "") -> Sampled:
    """The attached model has learnt it at step 100, the detached one at step 200."""
    expected = f'{{"intent": "fetch", "object": "cup {example}"}}'
    said = [expected if step >= learnt else f"cup {step} ok" for learnt in (100, 200)]
    prompt = f"please bring me cup {example}"
    return Sampled(0.0, step, example, prompt, expected, said[0], detached or said[1], 0.1)


def story(total: int = 300, every: int = 10) -> list[Event]:
    """A whole run."""
    events: list[Event] = [
        PhaseChanged(0.0, "loading"),
        started(total),
        PhaseChanged(0.0, "compiling"),
        PhaseChanged(0.0, "training"),
    ]
    for step in range(every, total + 1, every):
        events.append(trained(step, total))
        if step % 50 == 0:
            events += [validated(step), sampled(step), Saved(0.0, step, f"step-{step:06d}", True)]
    best = 3.0 * math.exp(-total / 60) + 0.25
    events.append(RunEnded(0.0, "done", total, total, best, 30.0))
    return events


def write_story(folder: Path, events: list[Event], config: dict[str, object] | None = None) -> Path:
    run = RunFolder(folder)
    log = EventLog(run.events)
    for event in events:
        log(event)
    log.close()
    run.config.write_text(yaml.safe_dump({"model": "sprout", **(config or {})}))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=Path)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    settings = yaml.safe_load(args.config.read_text())
    run = RunFolder(Path(settings["adapter_path"]))
    token = StopToken()
    signal.signal(signal.SIGTERM, lambda *_: token.stop())
    signal.signal(signal.SIGUSR1, lambda *_: token.pause())
    signal.signal(signal.SIGUSR2, lambda *_: token.resume())
    total = settings.get("iters") or 300
    print("a fake run", flush=True)
    with run.lock():
        run.config.write_text(yaml.safe_dump(settings))
        log = EventLog(run.events)
        first = 0
        if args.resume:
            first = 50
        log(PhaseChanged(time.time(), "loading"))
        log(started(total, first, os.getpid()))
        log(PhaseChanged(time.time(), "training"))
        step = first
        while step < total and not token.stopping:
            if token.paused:
                log(PhaseChanged(time.time(), "paused"))
                token.wait_while_paused()
                log(PhaseChanged(time.time(), "training"))
                continue
            step += 1
            if step % 5 == 0:
                log(trained(step, total, time.time()))
            if step % 50 == 0:
                log(validated(step, time.time()))
                log(sampled(step))
            time.sleep(0.005)  # the pace of a real run, not a wait for something
        log(Saved(time.time(), step, f"step-{step:06d}", True))
        (run.path / "adapter_model.safetensors").write_bytes(b"")
        (run.path / "adapter_config.json").write_text(
            '{"base_model_name_or_path": "sprout", "shadow_mlx": {}}'
        )
        reason = "stopped" if token.stopping else "done"
        log(RunEnded(time.time(), reason, step, step, 0.3, 1.0))
        log.close()


if __name__ == "__main__":
    main()

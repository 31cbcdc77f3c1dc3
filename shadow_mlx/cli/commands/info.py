"""Versions, device, memory, the default model and why, what an adapter folder and its run hold."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shadow_mlx import words
from shadow_mlx.cli.commands.runs import figures
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import path_text
from shadow_mlx.errors import InputError
from shadow_mlx.machine import memory_of_machine
from shadow_mlx.terminal import visible

PACKAGES = ("mlx", "mlx-lm", "transformers", "numpy", "huggingface-hub")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "adapter",
        nargs="?",
        type=path_text,
        metavar="ADAPTER",
        help="adapter folder (default: adapters, if there)",
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """Print what there is to know; stdout."""
    facts = gather(args.adapter)
    if args.json:
        print_json(facts)
    else:
        print(visible(_text(facts)))
    return 0


def gather(adapter: str | None) -> dict[str, Any]:
    """Everything that ``info`` reports, as plain values (bytes, counts, text).

    Raises:
        InputError: ``adapter`` is given and holds no adapter.
    """
    import mlx.core as mx

    import shadow_mlx
    from shadow_mlx import blas
    from shadow_mlx.backbones.bundled import bundled_model, bundled_models
    from shadow_mlx.cli.adapter_facts import adapter_facts
    from shadow_mlx.hub.resolving import check_recorded, choose_model
    from shadow_mlx.notes import note
    from shadow_mlx.runs.folder import ADAPTER_CONFIGS, RunFolder
    from shadow_mlx.runs.listing import summarise

    folder = Path(adapter or "adapters")
    present = RunFolder(folder).has_adapter
    if adapter is not None and not present:
        raise InputError(f"{adapter}: no adapter here (no {' or '.join(ADAPTER_CONFIGS)})")
    facts = adapter_facts(folder) if present else None
    if facts and facts["backbone"] and (trouble := check_recorded(facts["backbone"], folder)):
        note(trouble)
    choice = choose_model()
    return {
        "versions": {
            "shadow-mlx": shadow_mlx.__version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        "platform": platform.platform(),
        "device": {"default": str(mx.default_device()), **_plain(mx.device_info())},
        "memory_bytes": memory_of_machine(),
        "blas": {"library": blas.state().library, "reason": blas.state().reason},
        "default_model": {"name": choice.name, "reason": choice.reason},
        "bundled_models": {name: str(bundled_model(name)) for name in bundled_models()},
        "adapter": facts,
        "run": figures(summarise(folder)) if RunFolder(folder).exists else None,
    }


def _text(facts: dict[str, Any]) -> str:
    """The facts as aligned lines, nested ones indented below their name."""
    lines: list[str] = []
    for name, value in facts.items():
        if name == "memory_bytes":
            lines.append(f"memory: {words.size(value, 1)}")
        elif isinstance(value, dict):
            lines += [f"{name.replace('_', ' ')}:", *_nested(value, "  ")]
        elif value is not None:
            lines.append(f"{name}: {value}")
    if facts["adapter"] is None:
        lines.append("adapter: none here (shadow-mlx info ADAPTER describes one)")
    return "\n".join(lines)


def _nested(values: dict[str, Any], indent: str) -> Iterator[str]:
    width = max(map(len, values), default=0)
    for name, value in values.items():
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _nested(value, indent + "  ")
        else:
            yield f"{indent}{name:<{width}}  {_shown(value)}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(values: dict[str, Any]) -> dict[str, str | int]:
    return {key: value for key, value in values.items() if isinstance(value, str | int)}


def _version(distribution: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None

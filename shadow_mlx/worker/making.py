"""Files made of data files: tables looked at and converted; lines split, sampled, shuffled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shadow_mlx.config import ConvertConfig, SampleConfig, ShuffleConfig, SplitConfig
from shadow_mlx.data.converting.convert import convert, look
from shadow_mlx.data.converting.parts import sample, shuffle, split
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker.reading import SAMPLE


def serve(
    request: m.Request, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """Replies to ``LookAt`` and ``Make``."""
    if isinstance(request, m.LookAt):
        options = ConvertConfig.from_mapping(request.options, where="options")
        seen = look(Path(request.path), options)
        columns = [(name, _shown(value)) for name, value in seen.columns.items()]
        yield m.Page(request.id, 0, None, [], columns, seen.suggested)
    elif isinstance(request, m.Make):
        yield m.Done(request.id, str(_made(request, send)))


def _made(request: m.Make, send: Callable[[m.Reply], None]) -> Path:
    path, options = request.path, request.options
    if request.action == "convert":

        def told(share: float) -> None:
            send(m.Progress(request.id, "converting", round(100 * share), 100))

        return convert(path, ConvertConfig.from_mapping(options, where="options"), told).path
    if request.action == "split":
        return split(path, SplitConfig.from_mapping(options, where="options")).path
    if request.action == "sample":
        return sample(path, SampleConfig.from_mapping(options, where="options")).path
    return shuffle(path, ShuffleConfig.from_mapping(options, where="options")).path


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:SAMPLE]

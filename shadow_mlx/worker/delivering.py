"""What leaves this program, and what comes in: export, import, upload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from shadow_mlx.config import ExportConfig, ImportConfig, PushConfig
from shadow_mlx.files.writing import disk_errors
from shadow_mlx.hub.uploading import Sent
from shadow_mlx.jobs import export, import_adapter, push
from shadow_mlx.runs.events import StopToken
from shadow_mlx.runs.folder import CARD
from shadow_mlx.worker import messages as m

LONGEST_CARD = 1 << 18
"""Characters of a model card that are handed on."""


def serve(
    request: m.Request, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """Replies to ``Export``, ``Import`` and ``Push``: what is done now, then what came of it."""
    if isinstance(request, m.Export):
        yield _export(request, send)
    elif isinstance(request, m.Import):
        yield m.Progress(request.id, "reading the adapter")
        config = ImportConfig.from_mapping(request.options, where="import")
        yield m.Imported(request.id, str(import_adapter(config)))
    elif isinstance(request, m.Push):
        yield from _push(request, send)


def _export(request: m.Export, send: Callable[[m.Reply], None]) -> m.Exported:
    config = ExportConfig.from_mapping(request.options, where="export")
    found = export(config, on_step=lambda what: send(m.Progress(request.id, what)))
    figures = {"folder": str(found)} if isinstance(found, Path) else found.to_mapping()
    return m.Exported(request.id, config.to, figures)


def _push(request: m.Push, send: Callable[[m.Reply], None]) -> Iterator[m.Reply]:
    config = PushConfig.from_mapping(request.options, where="push")
    if config.dry_run:
        yield m.Progress(request.id, "listing files")
    else:
        yield m.Progress(request.id, f"uploading to {config.repo}")

    def sent(now: Sent) -> None:
        what = f"uploading to {config.repo}: {now}"
        send(m.Progress(request.id, what, now.bytes, now.total))

    found = push(config, on_sent=sent)
    card = Path(config.folder) / CARD
    text = ""
    if CARD in found.files:
        with disk_errors(card, "read"), card.open(encoding="utf-8", errors="replace") as file:
            text = file.read(LONGEST_CARD)
    yield m.Published(
        request.id, found.repo, found.kind, found.files, list(found.notes), text, found.address
    )

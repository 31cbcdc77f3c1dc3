"""A server without a model: ``python -m tests.tui.fake_server``, with the flags of ``serve``.

The port decides what it does: 1 is taken, 2 dies while it loads, 3 has answers on the way, which it
gives when it is asked to end, 4 never gives them; every other answers nobody. Its figures are the
same each time.
"""

from __future__ import annotations

import signal
import sys
import time

from shadow_mlx.serving.reports import Figures, Listening, Report, to_json

FIGURES = [
    Figures(
        float(second), requests=2 * second, refused=second // 4, read=40 * second,
        cached=10 * second, written=30 * second + second**2, drafted=20 * second,
        accepted=15 * second, adapters=1, memory=23_000_000,
    )
    for second in range(1, 13)
]  # fmt: skip


def main() -> None:
    flags = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
    port = int(flags.get("--port", "8080"))
    asked: list[int] = []  # no Event: a handler would wait for the lock that its wait() holds

    def end(number: int, frame: object) -> None:
        if asked:
            sys.exit(130)
        asked.append(number)

    if port == 1:
        log(
            "shadow-mlx: cannot listen on 127.0.0.1, port 1: Address already in use; choose another"
        )
        sys.exit(3)
    if port == 2:
        log("reading the \x1b[31mweights")
        signal.raise_signal(signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    name = flags.get("--adapter-path", "adapters").rpartition("/")[2]
    host = flags.get("--host", "127.0.0.1")
    tell(Listening(f"http://{host}:{port}/v1", (name, f"{name}:detached", f"{name}:base")))
    busy = {3: {"running": 2, "waiting": 1}, 4: {"running": 1}}.get(port, {})
    for figures in FIGURES:
        tell(Figures(**{**vars(figures), **busy}))
    log("12:00:01 POST /v1/chat/completions 200 adapters 40+31 tokens (10 cached) 0.700 s")
    log("12:00:04 POST /v1/chat/completions 400 0.001 s")
    while not asked:
        time.sleep(0.01)
    log("ending: what was asked is answered (once more: at once)")
    while port == 4:
        time.sleep(0.01)
    tell(Figures(**{**vars(FIGURES[-1]), "seconds": 13.0, "requests": 27}))


def tell(report: Report) -> None:
    print(to_json(report), flush=True)


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""A worker that answers at once without any model: ``python -m tests.tui.fake_worker``.

What a message says decides what it does: ``long`` streams until it is stopped, ``die`` ends the
process as the system would for want of memory, ``fail`` fails, ``think`` thinks first, and JSON is
said back. It imports what is heavy when asked for it: each test starts one or two of these, and few
want a comparison.
"""

from __future__ import annotations

import dataclasses
import os
import queue
import signal
import sys
import threading
import types
from pathlib import Path

from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m

MODELS = [
    m.ModelView("sprout", "bundled", "models/sprout", "qwen3", "", 9_300_000, True),
    m.ModelView("Qwen3-4bit", "folder", "Qwen3-4bit", "qwen3", "4-bit", 340_000_000, True),
    m.ModelView(
        "Talkie", "hub cache", "Talkie", "talkie", "", 2_000_000_000, False, "its blocks are others"
    ),
]

SUGGESTED = [("bring two red cups", ""), ("find the \x1b[31mbook", "Be brief.")]


def main() -> None:
    requests: queue.Queue[m.Request | None] = queue.Queue()
    stopped = threading.Event()

    def read() -> None:
        for line in sys.stdin.buffer:
            request = m.decode(line)
            if isinstance(request, m.Stop):
                stopped.set()
            else:
                requests.put(request)
        requests.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (request := requests.get()) is not None:
        stopped.clear()
        if isinstance(request, m.Load):
            load(request)
        elif isinstance(request, m.Ask):
            answer(request, stopped)
        elif isinstance(request, m.Suggest):
            send(m.Suggested(request.id, SUGGESTED))
        elif isinstance(request, m.Estimate):
            estimate(request)
        elif isinstance(request, m.TryStep):
            send(m.StepTried(request.id, 0.05))
        elif isinstance(request, m.CompareFile):
            compare(request, stopped)
        elif isinstance(request, m.Export):
            export(request, stopped)
        elif isinstance(request, m.Import):
            send(m.Progress(request.id, "reading the adapter"))
            send(m.Imported(request.id, made(request.options["adapter_path"])))
        elif isinstance(request, m.Push):
            push(request)
        elif isinstance(request, m.SearchHub):
            hits = [one for one in MODELS if request.words in one.name.lower()]
            send(m.Models(request.id, hits))
        elif isinstance(request, m.ListModels):
            send(m.Models(request.id, MODELS, 2_000_000_000, 81_300_000_000))
        elif isinstance(request, m.ReadPage | m.Check):
            from shadow_mlx.worker import reading

            for reply in reading.serve(request, send, StopToken()):
                send(reply)
        elif isinstance(request, m.LookAt | m.Make):
            serve_making(request)
        else:
            send(m.Failed(request.id, f"the fake does not know {type(request).__name__}"))


def serve_making(request: m.LookAt | m.Make) -> None:
    """The real thing, which needs no model; what is refused is told as the worker tells it."""
    from shadow_mlx.errors import ShadowMLXError
    from shadow_mlx.worker import making

    try:
        for reply in making.serve(request, send, StopToken()):
            send(reply)
    except ShadowMLXError as error:
        send(m.Failed(request.id, str(error)))


def send(reply: m.Reply) -> None:
    sys.stdout.buffer.write(m.encode(reply))
    sys.stdout.buffer.flush()


def load(request: m.Load) -> None:
    if request.model == "missing":
        send(m.Failed(request.id, "missing: no such \x1b[31mmodel"))
        return
    send(m.Progress(request.id, "loading"))
    modes = ["attached", "detached", "base"] if request.adapter else ["base"]
    model = request.model or "sprout"
    send(m.Loaded(request.id, model, request.adapter, modes, 11_000_000, 0.1, ""))


def answer(request: m.Ask, stopped: threading.Event) -> None:
    said = request.messages[-1]["content"]
    if said == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if said == "abort":
        print(
            "what(): [METAL] Command buffer execution failed: Caused GPU Timeout Error "
            "(00000002:kIOGPUCommandBufferCallbackErrorTimeout)",
            file=sys.stderr,
            flush=True,
        )
        os.kill(os.getpid(), signal.SIGABRT)
    if said == "fail":
        send(m.Failed(request.id, "the chat template refuses"))
        return
    thought = "first this, then that" if said == "think" else ""
    if thought:
        send(m.Piece(request.id, thought, "reasoning"))
    pieces = [f"{request.mode} ", "heard ", f"**{said}** "]
    if said.startswith("{"):
        pieces = [said]
    for piece in pieces:
        send(m.Piece(request.id, piece))
    while said == "long" and not stopped.wait(0.01):
        pieces.append("on ")
        send(m.Piece(request.id, pieces[-1]))
    reason = "interrupted" if said == "long" else "stop"
    text = "".join(pieces)
    figures = (7, 20, 3, 900.0, 55.0, 42_000_000, reason, 0.02)
    send(m.Answered(request.id, request.mode, text, *figures, thought))


def estimate(request: m.Estimate) -> None:
    """A gigabyte a row; the machine has eight."""
    rows = int(request.config.get("batch_size", 8))
    fits = rows <= 8
    sentence = f"{'Fits' if fits else 'Does not fit'}: {rows} GB of 8 GB."
    advice = [] if fits else [("--batch-size 8", 8_000_000_000)]
    size = rows * 10**9
    parts = {"weights": size}
    fit = "fits" if fits else "too large"
    machine = 8 * 10**9
    first = m.Estimated(request.id, "s", parts, 0, size, machine, fit, sentence, [], [], fits)
    send(first)
    if not fits:  # what would help takes longer
        send(dataclasses.replace(first, advice=advice, finished=True))


def compare(request: m.CompareFile, stopped: threading.Event) -> None:
    """Two questions (or as many as the limit says); ``long`` measures until it is stopped."""
    from shadow_mlx.config import CompareConfig

    # Of no use here, and the slowest import of all.
    sys.modules["transformers"] = types.ModuleType("transformers")
    sys.modules["transformers"].PreTrainedTokenizerBase = object  # type: ignore[attr-defined]
    from tests.evaluation.made import made_comparison

    options = CompareConfig.from_mapping(request.options)
    assert options.data is not None
    for done in range(3):
        send(m.Progress(request.id, "attached: answers", done, 3))
    while options.data == "long.jsonl" and not stopped.wait(0.05):
        send(m.Progress(request.id, "detached: answers", 1, 2))
    right = {"base": (False, True), "attached": (True, True), "detached": (True, False)}
    if len(options.adapters) > 1:
        right["attached two"] = (True, True)
    right |= {f"rival {Path(one).name}": (True, True) for one in options.rival or ()}
    count = 2 if options.limit is None else min(2, options.limit)
    asked = {name: flags[:count] for name, flags in right.items()}
    comparison = made_comparison(asked, data=options.data, stopped=stopped.is_set())
    send(m.Compared(request.id, comparison.to_mapping()))


def made(folder: str) -> str:
    """An empty folder, and where it lies."""
    path = Path(folder).resolve()
    path.mkdir(exist_ok=True)
    return str(path)


def export(request: m.Export, stopped: threading.Event) -> None:
    """``long`` writes until it is stopped, ``full`` fails; all else is a model of a megabyte."""
    output, to = str(request.options["output"]), str(request.options["to"])
    for what in ("reading the shadow", "writing"):
        send(m.Progress(request.id, what))
    if output == "long":
        stopped.wait()
        send(m.Done(request.id))
    elif output == "full":
        send(m.Failed(request.id, "full: cannot write: the disk is \x1b[31mfull"))
    else:
        figures = {"folder": made(output)}
        model = {
            "parameters": 250_000, "bytes": 1_000_000, "tokens": (2_048, 2_048),
            "added_blocks": 0, "apart": 2e-7, "not_for_transformers": None,
        }  # fmt: skip
        send(m.Exported(request.id, to, figures | (model if to == "model" else {})))


CARD = """\
---
library_name: mlx
tags:
- shadow-peft
---

# A small model from sprout

It turns \x1b[31mwhat people ask\x1b[0m of a robot into commands.
""" + "\n".join(
    [
        *(f"- line {i} of the card" for i in range(1, 9)),
        "\n```",
        *(f"line {i} of the card" for i in range(9, 41)),
        "```",
    ]
)


def push(request: m.Push) -> None:
    """Three files; ``nobody/…`` may not upload."""
    options = request.options
    address = None if options["dry_run"] else f"https://hub/{options['repo']}"
    send(m.Progress(request.id, "listing files"))
    if address and options["repo"].startswith("nobody/"):
        send(m.Failed(request.id, f"{options['repo']}: uploading needs a login: hf auth login"))
        return
    if address and options["repo"].startswith("slow/"):
        for done in (0, 250_000, 500_000):
            what = f"uploading to {options['repo']}: file 3 of 3, {done:,} bytes"
            send(m.Progress(request.id, what, done, 1_001_900))
        return  # the rest takes longer than anybody waits
    files = {"README.md": 1_000, "config.json": 900, "model.safetensors": 1_000_000}
    notes = ["its configuration names the folder /home/me of this machine"]
    send(m.Published(request.id, options["repo"], "model", files, notes, CARD, address))


if __name__ == "__main__":
    main()

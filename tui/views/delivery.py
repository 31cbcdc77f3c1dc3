"""What comes after training, in words: the ways out and in, their steps, and what came of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx import words
from shadow_mlx.config import ExportConfig, ImportConfig, PushConfig, ServeConfig
from shadow_mlx.config.option import Options
from shadow_mlx.config.paths import from_here
from shadow_mlx.worker import messages as m


@dataclass(frozen=True)
class Way:
    """One way out, or in.

    Attributes:
        name: Of the command, and of the way's key and tab.
        group: Its options.
        request: What the worker is asked; ``None`` for what is a program of its own.
        meaning: What it is for, in a line.
        doing: The same in a word, while it is at work.
    """

    name: str
    group: type[Options]
    request: type[m.Export | m.Import | m.Push] | None
    meaning: str
    doing: str


WAYS = {
    way.name: way
    for way in (
        Way(
            "export", ExportConfig, m.Export,
            "The detached model as a folder that mlx-lm opens without shadow-mlx.",
            "exporting",
        ),
        Way(
            "import", ImportConfig, m.Import,
            "An adapter of PEFT or of shadow-peft, as one of ours.",
            "importing",
        ),
        Way(
            "push", PushConfig, m.Push,
            "An adapter or a model to the Hugging Face hub; what goes is shown first.",
            "pushing",
        ),
        Way(
            "serve", ServeConfig, None,
            "Answers over HTTP, as OpenAI's clients ask, while this program runs.",
            "serving",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        lines: For a person to read, the first one as the head.
        command: What is done with it next, in a shell; ``""`` for nothing.
        folder: What was written, if anything.
        good: Whether it is what was wanted.
    """

    lines: tuple[str, ...]
    command: str = ""
    folder: str = ""
    good: bool = True


def steps(said: Sequence[str]) -> str:
    """What was done, a line each, and what is done now."""
    return "\n".join([*(f"✔ {one}" for one in said[:-1]), *(f"… {one}" for one in said[-1:])])


def exported(reply: m.Exported) -> Outcome:
    """A folder was written."""
    figures = reply.figures
    folder = from_here(str(figures["folder"]))
    if reply.to != "model":
        return Outcome(
            (f"✔ exported into {folder}", f"the adapter, as {reply.to} opens it"), "", folder
        )
    lines = [
        f"✔ exported into {folder}",
        f"{figures['parameters']:,} parameters · {_size(figures['bytes'])}",
        *_remarks(figures),
    ]
    return Outcome(tuple(lines), _generate(folder), folder)


def _remarks(figures: Mapping[str, Any]) -> list[str]:
    kept, whole = figures["tokens"]
    found = []
    if kept != whole:
        found.append(f"{kept:,} of {whole:,} tokens are kept")
    if figures["added_blocks"]:
        found.append(f"{figures['added_blocks']} blocks of zeros: the architecture wants so many")
    if figures["apart"] is None:
        found.append("quantized: its answers may differ from those of the detached model")
    else:
        found.append(f"checked: its logits are {figures['apart']:.1g} from the detached model's")
    if why := figures["not_for_transformers"]:
        found.append(f"not for transformers: {why}")
    return found


def _size(count: int) -> str:
    return words.size(count) if count >= 1e9 else words.file_size(count)


def _generate(model: str) -> str:
    return f"mlx_lm.generate --model {shlex.quote(model)} --prompt '…'"


def imported(reply: m.Imported) -> Outcome:
    """An adapter was written."""
    folder = from_here(str(Path(reply.folder).absolute()))
    command = shlex.join(["shadow-mlx", "chat", "--adapter-path", folder])
    return Outcome((f"✔ imported: {folder}", "c chats with it"), command, folder)


def published(reply: m.Published) -> Outcome:
    """It lies on the hub now; or would, without an address."""
    size = _size(sum(reply.files.values()))
    count = len(reply.files)
    what = f"{count} {'file' if count == 1 else 'files'}, {size}"
    if reply.address is None:
        return Outcome((f"· nothing was uploaded; it would be {what} to {reply.repo}",))
    command = _generate(reply.repo) if reply.kind == "model" else ""
    return Outcome((f"✔ uploaded: {reply.address}", f"{reply.kind} · {what}"), command)


def failed(message: str) -> Outcome:
    """It did not work; the message says what to do."""
    first, *rest = message.splitlines() or ["it cannot be told why"]
    return Outcome((f"✘ {first}", *rest), good=False)


def stopped(way: Way) -> Outcome:
    """The person stopped it."""
    nothing = "uploaded" if way.name == "push" else "written"
    return Outcome((f"■ stopped; nothing was {nothing}",), good=False)


def outcome(reply: m.Reply) -> Outcome | None:
    """What a final reply says; ``None`` for one that was stopped."""
    if isinstance(reply, m.Exported):
        return exported(reply)
    if isinstance(reply, m.Imported):
        return imported(reply)
    return published(reply) if isinstance(reply, m.Published) else None


def files(reply: m.Published) -> str:
    """The files that would go, a line each with its size."""
    width = max(map(len, reply.files), default=0)
    return "\n".join(
        f"{name:<{width}}  {words.file_size(size):>10}" for name, size in reply.files.items()
    )


def card_as_markdown(card: str) -> str:
    """A model card with its front matter as a block of code: it is no heading."""
    head, mark, rest = card.removeprefix("---\n").partition("\n---\n")
    if not card.startswith("---\n") or not mark:
        return card
    return f"```yaml\n{head}\n```\n{rest}"

"""What the chat says around the conversation: which weights answer, and what it took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.text import Text

from shadow_mlx import words
from shadow_mlx.terminal import visible
from shadow_mlx.words import counted
from shadow_mlx.worker import messages as m
from tui.views import palette

MEANING = {
    "attached": "backbone and shadow",
    "detached": "the shadow alone",
    "base": "the untuned backbone",
}
WIDE = 110
"""Columns from which on a line has room for explanations."""


class Weights(NamedTuple):
    """A model and an adapter, as they were asked for; the fields are those of a ``Load``."""

    model: str | None = None
    adapter: str | None = None
    trust_remote_code: bool = False


def adapter_name(adapter: str) -> str:
    """An adapter's folder, short: most are called ``adapters`` and told apart by their parent."""
    path = Path(adapter)
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return f"{path.parent.name}/{path.name}".lstrip("/")


def loading_line(weights: Weights) -> Text:
    """While weights are loaded."""
    adapter = weights.adapter
    name = adapter_name(adapter) if adapter else weights.model or "the model"
    return Text(f"… loading {visible(name)}", no_wrap=True, overflow="ellipsis")


def weights_line(
    loaded: m.Loaded, mode: str, last: m.Answered | None, *, answering: bool, width: int
) -> Text:
    """Which weights answer, then whether they do, tokens of the context, speed and memory."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append_text(palette.badge(mode.upper(), palette.way(mode)))
    wide = width >= WIDE
    if wide:
        text.append(f" {MEANING[mode]} ·")
    if loaded.adapter:
        unused = " (not used)" if mode == "base" else ""
        text.append(f" {visible(adapter_name(loaded.adapter))}{unused}", "bold")
        text.append(" on")
    text.append(f" {visible(loaded.backbone if wide else Path(loaded.backbone).name)}")
    if answering:
        text.append(" · answering (esc stops)")
    if last is None or answering:  # the figures would be those of another answer
        text.append(f" · {words.size(loaded.memory_bytes)}")
    else:
        context = last.prompt_tokens + last.cached_tokens + last.tokens
        used = counted(context, "token")
        if last.positions:
            used = f"{context:,} of {last.positions:,} tokens"
        text.append(f" · {used} · {last.generation_tps:,.0f}/s")
        text.append(f" · {words.size(last.memory_bytes)}")
    return text


def invitation(loaded: m.Loaded | None, problem: str, questions: Sequence[str] = ()) -> str:
    """What stands where there is no message yet; ``questions`` are sent by their numbers."""
    if problem:
        return f"! {visible(problem)}\n\nctrl+o chooses another adapter or model."
    if loaded is None:
        return "Loading …"
    lines = ["Say something. ctrl+t switches which weights answer:"]
    lines += [f"  {mode:<9} {MEANING[mode]}" for mode in loaded.modes]
    lines.append("f6 goes on with another adapter, ctrl+o lists them.")
    lines.append("ctrl+l lists the conversations of before.")
    if questions:
        lines.append("\nQuestions of the run's validation examples, sent by their numbers:")
        lines += [
            f"  {number}  {visible(' '.join(asked.split()))}"
            for number, asked in enumerate(questions, 1)
        ]
        lines.append("To write a message that begins with a digit, type a space first.")
    if loaded.note:
        lines.append(f"\n{visible(loaded.backbone)}: {visible(loaded.note)}")
    return "\n".join(lines)


def cost(answer: m.Answered) -> str:
    """What an answer took, in a line."""
    ends = {"length": " · cut at max tokens", "interrupted": " · stopped"}
    context = answer.prompt_tokens + answer.cached_tokens + answer.tokens
    if answer.positions and context >= answer.positions:
        ends["length"] = ends[""] = f" · past the model's {answer.positions:,} positions"
        ends["stop"] = ends["length"]
    drafts = ""
    if answer.tokens_per_pass > 1:
        drafts = f" · {words.drafts(answer.tokens_per_pass, answer.speedup)}"
    return (
        f"{counted(answer.tokens, 'token')} · {answer.generation_tps:,.0f}/s{drafts} · first after "
        f"{1000 * answer.first_token_seconds:,.0f} ms{ends.get(answer.finish_reason, '')}"
    )

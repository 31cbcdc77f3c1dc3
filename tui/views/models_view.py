"""What is said of models: whether weights fit here, what the hub offers, the room on the disk."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from shadow_mlx import machine, words
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.views.words import holds

Row = tuple[str | Text, ...]
"""Cells of a table."""


def verdict(model: m.ModelView) -> str:
    """Whether the weights fit, in two words; the training estimate is another matter."""
    size = machine.memory_of_machine()
    if not size or not model.size_bytes:
        return ""
    share = model.size_bytes / size
    return "✔ fits" if share < 0.5 else "! tight" if share < 0.8 else "✘ too large"


def matching(models: Sequence[m.ModelView], wanted: str) -> list[m.ModelView]:
    """The models of which something holds each of the words."""
    return [model for model in models if holds(_said_of(model), wanted)]


def _said_of(model: m.ModelView) -> str:
    fits = verdict(model) if model.supported else "not supported"
    parts = (model.name, model.quantization, model.architecture, model.where, model.path, fits)
    return " ".join(parts)


def table(models: Sequence[m.ModelView], *, beside: bool) -> tuple[Row, list[Row]]:
    """Titles and rows; where more stands ``beside``, only what one compares and chooses by."""
    rows: list[Row] = []
    for model in models:
        more = (visible(model.quantization), visible(model.architecture), model.where)
        fits = verdict(model) if model.supported else "✘ not supported"
        rows.append(
            (
                visible(model.name),
                Text(words.size(model.size_bytes), justify="right"),
                *(() if beside else more),
                fits,
            )
        )
    middle = () if beside else ("Weights", "Architecture", "Where")
    return ("Model", Text("Size", justify="right"), *middle, "Here"), rows


def facts(model: m.ModelView) -> list[tuple[str, str]]:
    """What the list leaves out where there is room beside it."""
    found = [
        ("model", model.name),
        ("from", model.where),
        ("architecture", model.architecture),
        ("weights", model.quantization),
        ("size", words.size(model.size_bytes)),
        ("folder", model.path),
    ]
    return [(about, said) for about, said in found if said]


def offered(model: m.ModelView) -> str:
    """What is known of a model of the hub before it is fetched, in a line."""
    size = words.size(model.size_bytes) if model.size_bytes else "size unknown"
    says = verdict(model) if model.supported else f"✘ {model.reason}"
    return visible(" · ".join(filter(None, (size, model.quantization, model.architecture, says))))


def room(found: m.Models) -> str:
    """What fetched models take on their disk, and what is free there, in a line."""
    taken = "No model is fetched yet"
    if found.fetched_bytes:
        taken = f"Fetched models take {words.size(found.fetched_bytes)}"
    free = f" · {words.size(found.free_bytes, 1)} free on their disk" if found.free_bytes else ""
    return f"{taken}{free}"

"""What is said of a model: whether its weights fit here, and what the hub offers."""

from __future__ import annotations

from shadow_mlx import machine, words
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m


def verdict(model: m.ModelView) -> str:
    """Whether the weights fit, in two words; the training estimate is another matter."""
    size = machine.memory_of_machine()
    if not size or not model.size_bytes:
        return ""
    share = model.size_bytes / size
    return "✔ fits" if share < 0.5 else "! tight" if share < 0.8 else "✘ too large"


def offered(model: m.ModelView) -> str:
    """What is known of a model of the hub before it is fetched, in a line."""
    size = words.size(model.size_bytes) if model.size_bytes else "size unknown"
    says = verdict(model) if model.supported else f"✘ {model.reason}"
    return visible(" · ".join(filter(None, (size, model.quantization, model.architecture, says))))

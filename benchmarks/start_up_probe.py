"""A chat that says when it had what: ``python -m benchmarks.start_up_probe SECONDS``.

SECONDS is when the process was started, since the epoch. The order is that of ``shadow-mlx chat``,
whose own functions do the work; what it imports on the way is imported in steps here.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

IMPORTED = {
    "the command line": "shadow_mlx.cli.commands.chat",
    "MLX": "mlx.core",
    "mlx-lm": "mlx_lm.utils",
    "the rest is imported": "shadow_mlx.generation.engine",
}


def main() -> None:
    """Start, ask, and print the milliseconds as JSON."""
    started, parts = float(sys.argv[1]), dict[str, float]()

    def done(part: str) -> None:
        parts[part] = 1000 * (time.time() - started)

    done("Python runs")
    for part, module in IMPORTED.items():
        importlib.import_module(module)
        done(part)

    from shadow_mlx.cli.chosen_model import chat_format, load_model
    from shadow_mlx.config import ChatConfig, SamplingConfig
    from shadow_mlx.generation.conversation import Conversation
    from shadow_mlx.generation.engine import Engine

    config = ChatConfig(model="sprout", mode="base")
    loaded = load_model(config, switchable=True)
    done("the model is loaded")
    engine = Engine(loaded.model, chat_format(loaded, config.template))
    asked = Conversation.from_messages([{"role": "user", "content": "Bring me the red cup."}])
    engine.answer(
        asked,
        "base",
        SamplingConfig(max_tokens=1),
        on_piece=lambda part, piece: done("the first piece of the answer"),
    )
    print(json.dumps(parts))


if __name__ == "__main__":
    main()

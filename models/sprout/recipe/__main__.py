"""Make sprout again: ``python -m models.sprout.recipe all`` from the repository's root.

Commands:

- ``tokenizer``  train the tokenizer on generated text
- ``pretrain``   train the model from scratch with the tokenizer that is there
- ``data``       write ``data/robot-intents``
- ``evaluate``   print held-out and exact-match figures as JSON
- ``all``        these four, in this order
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import shadow_mlx  # noqa: F401 - before MLX: it arranges a fast matrix product on Linux

from .evaluate import evaluate
from .pretrain import Settings, pretrain
from .robot_intents.splits import write_robot_intents
from .tokenizer import save_tokenizer

SPROUT = Path(__file__).resolve().parent.parent
COMMANDS = ("tokenizer", "pretrain", "data", "evaluate", "all")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m models.sprout.recipe",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--folder", type=Path, default=SPROUT, help="the model's folder")
    parser.add_argument("--logs", type=Path, default=Path("sprout-logs"), help="log folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="pretraining steps (default: the recipe's)")
    parser.add_argument("--adapter", type=Path, help="evaluate with this mlx-lm LoRA adapter")
    return parser.parse_args()


def main() -> None:
    """Run the chosen part of the recipe."""
    arguments = parse_arguments()
    chosen = COMMANDS[:-1] if arguments.command == "all" else (arguments.command,)
    folder, seed = arguments.folder, arguments.seed
    if "tokenizer" in chosen:
        save_tokenizer(folder, seed)
    if "pretrain" in chosen:
        changes = {"steps": arguments.steps} if arguments.steps else {}
        print(json.dumps(pretrain(folder, arguments.logs, Settings(seed=seed, **changes))))
    if "data" in chosen:
        write_robot_intents(folder / "data" / "robot-intents", seed)
    if "evaluate" in chosen:
        print(json.dumps(evaluate(folder, seed, arguments.adapter), indent=2))


if __name__ == "__main__":
    main()

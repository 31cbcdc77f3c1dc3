"""All figures of speed in one command, each beside mlx-lm in the same run.

    uv run python -m benchmarks.speed --data FOLDER [--adapter-path A --chats FILE]

Training beside mlx-lm's LoRA (:mod:`.beside_lora`, which ``--data`` is for), decoding beside its
loops (:mod:`.decoding`, an adapter and chats that it was trained for), and how soon commands answer
(:mod:`.start_up`). Let the machine do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks import beside_lora, decoding, start_up


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what there are arguments for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="what benchmarks.real takes")
    parser.add_argument("--adapter-path")
    parser.add_argument("--chats", help="a .jsonl file")
    parser.add_argument("--peft", metavar="PYTHON", help="one that has torch and peft: asked, too")
    parser.add_argument("--rounds", type=int, default=3, help="of each training")
    parser.add_argument("--limit", type=int, default=40, help="questions")
    args = parser.parse_args(argv)
    if (args.adapter_path is None) != (args.chats is None):
        parser.error("--adapter-path and --chats go together")
    print("## Start", flush=True)
    start_up.main()
    if args.adapter_path:
        print("\n## Decoding", flush=True)
        asked = [
            "--adapter-path",
            args.adapter_path,
            "--data",
            args.chats,
            "--temp=0",
            "--temp=0.7",
        ]
        peft = ["--peft", args.peft] if args.peft else []
        decoding.main([*asked, "--limit", str(args.limit), *peft])
    if args.data:
        print("\n## Training", flush=True)
        beside_lora.main(["--data", args.data, "--rounds", str(args.rounds)])


if __name__ == "__main__":
    main()

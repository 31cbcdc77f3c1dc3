"""How fast an adapter answers: its backbone, attached, and with drafts, asked in turn in one run.

    uv run python -m benchmarks.decoding --adapter-path adapters --data test.jsonl

All figures are ratios to the backbone alone, over the tokens behind the first of each answer. With
``--cpu-time`` the seconds are those of the process, which other programs leave alone; drafts are
then paced by them, too. With ``--drafts N`` nothing is paced: each pass judges N drafts of the
shadow, so that acceptance and tokens a pass depend on no clock.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any


@dataclass
class Contender:
    """One way to decode, and what it took so far.

    Attributes:
        mode: Whose weights answer.
        draft: Whether tokens are drafted.
        temp: Temperature of the answers.
        figures: Tokens behind the first one, their seconds, and what drafting gave, by answer.
        small: For each piece of text, whether drafts were chosen by a part of the head.
    """

    engine: Any
    mode: str
    draft: bool
    temp: float
    figures: list[tuple[int, float, Any]] = field(default_factory=list)
    small: list[bool] = field(default_factory=list)

    def ask(self, conversation: Any, max_tokens: int, clock: Callable[[], float]) -> None:
        """Let it answer."""
        from shadow_mlx.config import SamplingConfig

        first: list[float] = []
        sampling = SamplingConfig(max_tokens=max_tokens, draft=self.draft, temp=self.temp)

        def heard(*_: object) -> None:
            first.append(clock())
            self.small.append(self.engine.habits.head.small)

        answer = self.engine.answer(conversation, self.mode, sampling, on_piece=heard)
        if len(answer.tokens) > 1 and first:
            took = (len(answer.tokens) - 1, clock() - first[0], answer.drafted)
            self.figures.append(took)

    @property
    def tokens_a_second(self) -> float:
        """The median of its answers."""
        return statistics.median(tokens / seconds for tokens, seconds, _ in self.figures)


def main() -> None:
    """Ask, and print a line for each contender after every tenth question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter-path", default="adapters")
    parser.add_argument("--model")
    parser.add_argument("--data", required=True, help="chats (a .jsonl file)")
    parser.add_argument("--limit", type=int, default=40, help="questions")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--temp", type=float, default=0.0)
    parser.add_argument("--drafts", type=int, help="always so many for a pass (default: paced)")
    parser.add_argument("--cpu-time", action="store_true")
    args = parser.parse_args()
    if args.cpu_time:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before MLX loads it: waiting threads count
        time.perf_counter = time.process_time
    from shadow_mlx.data.chat.chat_format import ChatFormat
    from shadow_mlx.data.reading.strict_json import read_json
    from shadow_mlx.generation.conversation import Conversation
    from shadow_mlx.generation.drafting import Pace
    from shadow_mlx.generation.engine import Engine
    from shadow_mlx.loading import load

    model, tokenizer = load(args.model, args.adapter_path)
    form = ChatFormat(tokenizer)
    ways = {"base": ("base", False), "attached": ("attached", False), "drafts": ("attached", True)}
    contenders = {
        name: Contender(Engine(model, form), *way, args.temp) for name, way in ways.items()
    }
    if args.drafts is not None:
        contenders["drafts"].engine.habits.pace = Pace(args.drafts)
    with Path(args.data).open("rb") as lines:
        records = [read_json(line) for line in islice(lines, args.limit)]
    for number, record in enumerate(records, 1):
        conversation = Conversation.from_messages(record["messages"][:-1], "attached")
        order = list(contenders.values())
        for contender in order if number % 2 else reversed(order):
            contender.ask(conversation, args.max_tokens, time.perf_counter)
        if number % 10 == 0 or number == len(records):
            print(f"{number} questions")
            for name, contender in contenders.items():
                print(f"  {name:<9}{_line(contender, contenders['base'])}", flush=True)


def _line(contender: Contender, base: Contender) -> str:
    text = f"{contender.tokens_a_second / base.tokens_a_second:.2f} × the backbone's tokens/s"
    told = [drafted for *_, drafted in contender.figures if drafted]
    if told:
        whole = sum(told[1:], start=told[0])
        text += (
            f", {whole.tokens_per_pass:.2f} tokens a pass, {whole.acceptance:.0%} of "
            f"{whole.drafted:,} drafts right, {whole.looked_up:,} of them looked up, a small "
            f"head for {statistics.mean(contender.small):.0%} of the text"
        )
    return text


if __name__ == "__main__":
    main()

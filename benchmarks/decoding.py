"""How fast an adapter answers, beside mlx-lm's own loops, asked in turn in one run.

    uv run python -m benchmarks.decoding --adapter-path adapters --data test.jsonl

All figures are ratios to the backbone alone, over the tokens behind the first of each answer. With
``--cpu-time`` the seconds are those of the process, which other programs leave alone; drafts are
then paced by them, too. With ``--drafts N`` nothing is paced: each pass judges N drafts of the
shadow, so that acceptance and tokens a pass depend on no clock.

With ``--unknown`` only drafts and plain attached decoding are asked, the ratio is of these two,
and the text should be far from what the shadow learnt: chats of another task, or prose (a ``.txt``
or ``.md`` file), of which the first words of each paragraph are continued.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

BEGINNING = 12
"""Words of a paragraph that is continued."""

Way = Callable[[Any, int, float, Callable[[], None]], "tuple[int, Any]"]
"""Answers a conversation with so many tokens at most, at a temperature; calls back with each piece.

Returns how many tokens it wrote, and how drafting went (``None`` without drafts).
"""


@dataclass
class Contender:
    """One way to decode, and what it took so far.

    Attributes:
        way: How it answers.
        head: What chooses its drafts, where somebody looks.
        figures: Tokens behind the first one, their seconds, and what drafting gave, by answer.
        small: For each piece of text, whether drafts were chosen by a part of the head.
    """

    way: Way
    head: Any = None
    figures: list[tuple[int, float, Any]] = field(default_factory=list)
    small: list[bool] = field(default_factory=list)

    def ask(self, conversation: Any, max_tokens: int, temperature: float) -> None:
        """Let it answer."""
        first: list[float] = []

        def heard() -> None:
            first.append(time.perf_counter())
            if self.head is not None:
                self.small.append(self.head.small)

        tokens, drafted = self.way(conversation, max_tokens, temperature, heard)
        if tokens > 1 and first:
            self.figures.append((tokens - 1, time.perf_counter() - first[0], drafted))

    @property
    def tokens_a_second(self) -> float:
        """The median of its answers."""
        return statistics.median(tokens / seconds for tokens, seconds, _ in self.figures)


def of_engine(engine: Any, mode: str, draft: bool) -> Way:
    """The way of this project, in one mode of a loaded model."""
    from shadow_mlx.config import SamplingConfig

    def answer(
        conversation: Any, max_tokens: int, temperature: float, piece: Callable[[], None]
    ) -> tuple[int, Any]:
        sampling = SamplingConfig(max_tokens=max_tokens, temp=temperature, draft=draft)
        said = engine.answer(conversation, mode, sampling, on_piece=lambda *_: piece())
        return len(said.tokens), said.drafted

    return answer


def of_mlx_lm(model: Any, form: Any, draft_model: Any = None) -> Way:
    """mlx-lm's loop, or its loop with a second model that drafts."""
    from mlx_lm import stream_generate
    from mlx_lm.sample_utils import make_sampler

    from shadow_mlx.generation.prompts import chat_prompt

    def answer(
        conversation: Any, max_tokens: int, temperature: float, piece: Callable[[], None]
    ) -> tuple[int, Any]:
        prompt = chat_prompt(form, conversation.messages())
        options = {} if draft_model is None else {"draft_model": draft_model}
        tokens, sampler = 0, make_sampler(temperature)
        for said in stream_generate(
            model, form.tokenizer, prompt, max_tokens, sampler=sampler, **options
        ):
            tokens = said.generation_tokens
            piece()
        return tokens, None

    return answer


def of_program(program: subprocess.Popen[str], form: Any) -> Way:
    """Another program's way, which is asked as :mod:`.peft_decoding` is."""
    from shadow_mlx.generation.prompts import chat_prompt

    assert program.stdin is not None
    assert program.stdout is not None
    to, back = program.stdin, program.stdout

    def answer(
        conversation: Any, max_tokens: int, temperature: float, piece: Callable[[], None]
    ) -> tuple[int, Any]:
        prompt = chat_prompt(form, conversation.messages())
        asked = {"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature}
        to.write(json.dumps(asked) + "\n")
        to.flush()
        while (line := back.readline().strip()) == "first":
            piece()
        if not line:
            raise RuntimeError("the other program ended")
        return int(line), None

    return answer


def started(command: Sequence[str]) -> subprocess.Popen[str]:
    """A program that reads questions; it ends with the ``with`` that it is the subject of."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Ask, and print a line for each contender after every tenth question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter-path", default="adapters")
    parser.add_argument("--model")
    parser.add_argument("--data", required=True, help="chats (a .jsonl file), or prose")
    parser.add_argument("--limit", type=int, default=40, help="questions")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--temp", type=float, action="append", help="temperatures (default: 0)")
    parser.add_argument("--drafts", type=int, help="always so many for a pass (default: paced)")
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--unknown", action="store_true", help="drafts beside plain decoding alone")
    parser.add_argument("--peft", metavar="PYTHON", help="one that has torch and peft: asked, too")
    args = parser.parse_args(argv)
    if args.cpu_time and args.peft:
        parser.error("--cpu-time counts this process alone: leave --peft out")
    if args.cpu_time:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before MLX loads it: waiting threads count
        time.perf_counter = time.process_time
    asked = asked_in(Path(args.data), args.limit)
    if not args.unknown and isinstance(asked[0], str):
        parser.error("--data: prose is for --unknown")
    with ExitStack() as running:
        programs = {
            name: running.enter_context(started(command))
            for name, command in peft_commands(args.peft, args.model, args.adapter_path).items()
        }
        for temperature in args.temp or [0.0]:
            contenders = contenders_of(args.model, args.adapter_path, programs, args.drafts)
            if args.unknown:
                contenders = {name: contenders[name] for name in ("attached", "drafts")}
            for number, conversation in enumerate(asked, 1):
                order = list(contenders.values())
                for contender in order if number % 2 else reversed(order):
                    contender.ask(conversation, args.max_tokens, temperature)
                if number % 10 == 0 or number == len(asked):
                    print(f"temperature {temperature:g}, {number} questions")
                    lines = beside_plain if args.unknown else lines_of
                    print(*lines(contenders), sep="\n", flush=True)


def asked_in(path: Path, limit: int) -> list[Any]:
    """The first conversations of a file, their answers left out; or how its paragraphs begin."""
    from shadow_mlx.data.reading.strict_json import read_json
    from shadow_mlx.generation.conversation import Conversation

    if path.suffix in (".txt", ".md"):
        words = [part.split() for part in path.read_text(encoding="utf-8").split("\n\n")]
        prose = [part for part in words if len(part) > BEGINNING and part[0].isalpha()]
        return [" ".join(part[:BEGINNING]) for part in prose[:limit]]
    with path.open("rb") as lines:
        records = [read_json(line) for line in islice(lines, limit)]
    return [Conversation.from_messages(one["messages"][:-1], "attached") for one in records]


def peft_commands(peft: str | None, model: str | None, adapter_path: str) -> dict[str, list[str]]:
    """What answers by PEFT on torch, if there is a Python that has them."""
    if peft is None:
        return {}
    from shadow_mlx.hub.resolving import resolve_model
    from shadow_mlx.loading import backbone_name

    folder = resolve_model(str(backbone_name(model, adapter_path)))
    program = [peft, str(Path(__file__).with_name("peft_decoding.py")), str(folder)]
    return {"base, PEFT": program, "attached, PEFT": [*program, adapter_path]}


def contenders_of(
    model: str | None,
    adapter_path: str,
    programs: Mapping[str, subprocess.Popen[str]],
    drafts: int | None = None,
) -> dict[str, Contender]:
    """The backbone and the adapter, each way that they can be asked, fresh; and other programs.

    Args:
        model: The backbone, if it is not the adapter's own.
        adapter_path: The adapter's folder.
        programs: Other programs, by name.
        drafts: So many for each pass, or as many as pay.
    """
    from shadow_mlx.data.chat.chat_format import ChatFormat
    from shadow_mlx.generation.drafting import Pace
    from shadow_mlx.generation.engine import Engine
    from shadow_mlx.loading import load

    attached, tokenizer = load(model, adapter_path)
    form = ChatFormat(tokenizer)
    drafting = Engine(attached, form)
    assert drafting.habits is not None
    if drafts is not None:
        drafting.habits.pace = Pace(drafts)
    ways = {
        "base": of_engine(Engine(attached, form), "base", False),
        "base, mlx-lm": of_mlx_lm(attached.backbone, form),
        "attached": of_engine(Engine(attached, form), "attached", False),
        "drafts, mlx-lm": of_mlx_lm(attached, form, attached.detached()),
        "drafts": of_engine(drafting, "attached", True),
        "detached": of_engine(Engine(attached, form), "detached", False),
        **{name: of_program(program, form) for name, program in programs.items()},
    }
    contenders = {name: Contender(way) for name, way in ways.items()}
    contenders["drafts"].head = drafting.habits.head
    return contenders


def lines_of(contenders: Mapping[str, Contender]) -> list[str]:
    """A line for each contender that has answered."""
    base = contenders["base"].tokens_a_second
    return [
        f"  {name:<16}{contender.tokens_a_second / base:.2f} × the backbone's tokens/s"
        f"{_drafting(contender)}"
        for name, contender in contenders.items()
        if contender.figures
    ]


def beside_plain(contenders: Mapping[str, Contender]) -> list[str]:
    """How drafts do beside plain decoding of the same answers, and what they did."""
    plain, drafts = contenders["attached"], contenders["drafts"]
    pairs = list(zip(drafts.figures, plain.figures, strict=True))
    ratios = [(ours[0] / ours[1]) / (theirs[0] / theirs[1]) for ours, theirs in pairs]
    (tokens, seconds), (plainly, without) = (
        [sum(one[i] for one in contender.figures) for i in (0, 1)] for contender in (drafts, plain)
    )
    return [
        f"  drafts: {statistics.median(ratios):.3f} × plain attached, the median of {len(ratios)} "
        f"answers; {tokens / seconds / (plainly / without):.3f} × over all of them"
        f"{_drafting(drafts)}"
    ]


def _drafting(contender: Contender) -> str:
    told = [drafted for *_, drafted in contender.figures if drafted]
    if not told:
        return ""
    whole = sum(told[1:], start=told[0])
    return (
        f", {whole.tokens_per_pass:.2f} tokens a pass, {whole.acceptance:.0%} of "
        f"{whole.drafted:,} drafts right, {whole.looked_up:,} of them looked up, a small head for "
        f"{statistics.mean(contender.small):.0%} of the text"
    )


if __name__ == "__main__":
    main()

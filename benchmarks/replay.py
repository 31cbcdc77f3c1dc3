"""What drafting would give at the shapes of larger backbones, whose weights are not here.

    uv run python -m benchmarks.replay --real NAME ADAPTER FILE [--real …] [--shape 4B …]

Acceptance is replayed: the engine answers the questions of FILE with ADAPTER, with a fixed number
of drafts for each pass, and tells how many tokens a pass gave. Costs are measured on random weights
of the shapes of Qwen3: some blocks, of which the time of one is multiplied, the head, and one step
of the default shadow with its small head. Beside them stands what a machine would take whose
passes take as long as the weights take to be read, however many tokens they hold: that is computed
from bytes and measured nowhere.

    speed-up = tokens a pass ÷ (w(k) + k·c)

over plain attached decoding, where ``w(k)`` is a pass over ``k + 1`` tokens and ``c`` one draft,
both in units of a pass over one token, each pass with its own step of the shadow.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.decoding import asked_in
from benchmarks.shapes import BACKBONES, config_of
from shadow_mlx.config import SamplingConfig, ShadowConfig, TrainConfig
from shadow_mlx.generation.drafting import Pace, Plan

if TYPE_CHECKING:
    from shadow_mlx.shadow.attached import AttachedModel

DRAFTS = (1, 2, 4, 6)
"""Draft lengths: passes over 2, 3, 5 and 7 tokens."""

CONTEXT = 256
"""Tokens that stand before those whose time is taken."""

WIDE = "bfloat16"
"""What a quantized backbone computes in, and what its shadow's weights are kept in."""


@dataclass(frozen=True)
class Costs:
    """What the parts of decoding take, in any unit.

    Attributes:
        bare: A pass of the backbone alone over one token.
        attached: A pass of the attached model by the number of its tokens, ``s⁰`` given.
        shadow: A step of the shadow.
        choice: A draft chosen behind such a step.
    """

    bare: float
    attached: Mapping[int, float]
    shadow: float
    choice: float

    @property
    def plain(self) -> float:
        """A token of plain attached decoding."""
        return self.attached[1] + self.shadow

    @property
    def c(self) -> float:
        """A draft, in such tokens."""
        return (self.shadow + self.choice) / self.plain

    def w(self, drafts: int) -> float:
        """A pass over so many drafts and the token before them, in such tokens."""
        return (self.attached[drafts + 1] + self.shadow) / self.plain

    def speed_up(self, drafts: int, tokens: float) -> float:
        """Over plain attached decoding, where a pass gives so many tokens."""
        return tokens / (self.w(drafts) + drafts * self.c)

    def over_bare(self, drafts: int, tokens: float) -> float:
        """The same over the backbone alone."""
        return self.speed_up(drafts, tokens) * self.bare / self.plain

    def best(self, tokens: Mapping[int, float]) -> int:
        """The number of drafts that gives most, of those whose tokens a pass are known."""
        return max(tokens, key=lambda drafts: self.speed_up(drafts, tokens[drafts]))


@dataclass(frozen=True)
class Replayed:
    """What passes with a number of drafts gave on real text.

    Attributes:
        tokens: For each pass.
        accepted: Drafts that were taken, pass by pass; of a pass in which the text ended, nothing.
    """

    tokens: float
    accepted: tuple[int, ...]


class Recorded(Pace):
    """Always so many drafts of the shadow; keeps how many of each pass were taken."""

    def __init__(self, drafts: int) -> None:
        super().__init__(drafts)
        self.accepted: list[int] = []

    def learn(self, plan: Plan, accepted: int, seconds: float) -> None:
        """Note a pass."""
        super().learn(plan, accepted, seconds)
        if plan.source is not None:
            self.accepted.append(accepted)


def replayed(adapter: str, data: Path, limit: int, max_tokens: int) -> dict[int, Replayed]:
    """Greedy answers to the first questions of a file, with each number of drafts."""
    from shadow_mlx.data.chat.chat_format import ChatFormat
    from shadow_mlx.generation.engine import Engine
    from shadow_mlx.loading import load

    asked = asked_in(data, limit)
    model, tokenizer = load(None, adapter)
    found = {}
    for drafts in DRAFTS:
        engine = Engine(model, ChatFormat(tokenizer))
        assert engine.habits is not None
        pace = engine.habits.pace = Recorded(drafts)
        sampling = SamplingConfig(max_tokens=max_tokens, temp=0.0, draft=True)
        told = [engine.answer(one, "attached", sampling) for one in asked]
        passes = [answer.drafted for answer in told if answer.drafted is not None]
        whole = sum(passes[1:], start=passes[0])
        found[drafts] = Replayed(whole.tokens_per_pass, tuple(pace.accepted))
    return found


def shaped(name: str) -> AttachedModel:
    """A backbone of 4 bits with its default shadow: shapes alone, no weight is evaluated."""
    from shadow_mlx.memory.estimate import attached_like

    return attached_like(TrainConfig(model=name), config_of(name))


def computed(model: AttachedModel, tied: bool) -> Costs:
    """Bytes that are read: a pass over several tokens reads what a pass over one does.

    Args:
        model: Of :func:`shaped`.
        tied: Whether the token table is the head, too; otherwise one row of it is read.
    """
    import mlx.core as mx
    from mlx.utils import tree_flatten

    def read(module: Any) -> int:
        return sum(array.nbytes for _, array in tree_flatten(module.parameters()))

    wide = getattr(mx, WIDE)
    backbone = read(model.backbone) - (0 if tied else read(model.decoder.embedding))
    layers = [block.shadow_layer.module for block in model.decoder.blocks]
    modules = sum(array.nbytes for layer in layers for array in layer.pack(wide))
    model.shadow.backbone.cast(wide)
    width = model.shadow.backbone(mx.zeros((1, 1), mx.int32)).shape[-1]
    passes = dict.fromkeys([1, *(drafts + 1 for drafts in DRAFTS)], backbone + modules)
    return Costs(backbone, passes, read(model.shadow.backbone), known_tokens() * width * wide.size)


def known_tokens() -> int:
    """Rows of the small head before a conversation adds its own."""
    from shadow_mlx.generation.draft_head import KNOWN_SHARE
    from shadow_mlx.shadow.draft_tokens import MOST

    return int(KNOWN_SHARE * MOST)


@dataclass(frozen=True)
class Measured:
    """Seconds, and how far the middle half of the least steady part's lay apart, as a share."""

    costs: Costs
    spread: float


def small(name: str, sizes: ShadowConfig, blocks: int, dtype: str) -> AttachedModel:
    """Some blocks of a backbone on random weights, and the shadow of the whole one, to decode."""
    import mlx.core as mx

    from shadow_mlx.backbones.skeleton import build_backbone
    from shadow_mlx.shadow.draft_tokens import DraftTokens
    from shadow_mlx.training.model import prepare_model

    own = {**config_of(name), "num_hidden_layers": blocks, "torch_dtype": dtype}
    del own["quantization"]
    options = dataclasses.replace(
        TrainConfig(model=name, shadow_budget=0.0), **dataclasses.asdict(sizes)
    )
    backbone = build_backbone(own, name)
    mx.eval(backbone.parameters())
    model = prepare_model(backbone, own, options)
    model.eval()
    model.shadow.backbone.cast(getattr(mx, dtype))
    model.pack()
    model.draft_tokens = DraftTokens(tuple(range(known_tokens())))
    return model


def works(model: AttachedModel) -> Iterator[tuple[str, Callable[[], Any], Sequence[Any]]]:
    """What is timed: its name, how to do it, and the caches that are one pass longer then."""
    import mlx.core as mx

    from shadow_mlx.generation.draft_head import DraftHead

    caches = model.make_cache()
    hidden, _ = model.hidden(mx.zeros((1, CONTEXT), mx.int32), caches)
    own, shadows = caches[: model.backbone_caches], caches[model.backbone_caches :]
    head, one = DraftHead(model), mx.zeros((1, 1), mx.int32)
    head.read([])
    assert head.small
    state = model.shadow.backbone(one)
    mx.eval(hidden, state, [cache.state for cache in caches])
    yield "bare 1", partial(model.decoder.final_hidden, one, own), own
    yield "shadow", partial(model.shadow.backbone, one, shadows), shadows
    yield "choice", partial(head.likeliest, state), ()
    for count in (1, *(drafts + 1 for drafts in DRAFTS)):
        tokens, s0, h = mx.repeat(one, count, 1), mx.repeat(state, count, 1), hidden[:, :count]
        yield f"blocks {count}", partial(model.hidden, tokens, caches, s0), own
        yield f"head {count}", partial(model.head, h), ()


def measured(model: AttachedModel, layers: int, rounds: int) -> Measured:
    """The costs of a backbone with so many layers, from all parts timed in turn, medians."""
    import mlx.core as mx
    from mlx_lm.models.cache import trim_prompt_cache

    parts = list(works(model))
    seconds: dict[str, list[float]] = {name: [] for name, *_ in parts}
    for number in range(rounds + 1):
        for name, work, longer in parts if number % 2 else reversed(parts):
            before = longer[0].offset if longer else 0
            began = time.perf_counter()
            mx.eval(work())
            if number:  # the first round compiles
                seconds[name].append(time.perf_counter() - began)
            if longer:
                trim_prompt_cache(list(longer), longer[0].offset - before)
    middle = {name: statistics.median(found) for name, found in seconds.items()}
    times = layers / len(model.layers)

    def whole(blocks: str, count: int) -> float:
        return times * middle[f"{blocks} {count}"] + middle[f"head {count}"]

    attached = {n: whole("blocks", n) for n in (1, *(drafts + 1 for drafts in DRAFTS))}
    costs = Costs(whole("bare", 1), attached, middle["shadow"], middle["choice"])
    return Measured(costs, max(map(_spread, seconds.values())))


def _spread(found: Sequence[float]) -> float:
    if len(found) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(found, n=4)
    return (high - low) / middle


HEAD = (
    "| backbone | text | drafts k | tokens a pass | w(k) | c | × attached | × bare "
    "| computed c | × attached | × bare |\n" + "|---" * 11 + "|"
)


def lines(
    shape: str, text: str, found: Mapping[int, Replayed], real: Costs, ideal: Costs
) -> list[str]:
    """A line for each number of drafts; the best speed-ups are in bold."""
    tokens = {drafts: one.tokens for drafts, one in found.items()}
    best = [costs.best(tokens) for costs in (real, ideal)]
    rows = []
    for drafts, gave in tokens.items():
        cells = [shape, text, f"{drafts}", f"{gave:.2f}", f"{real.w(drafts):.2f}", f"{real.c:.3f}"]
        for costs, most in zip((real, ideal), best, strict=True):
            cells += [f"{costs.c:.3f}"] if costs is ideal else []
            for ratio in (costs.speed_up(drafts, gave), costs.over_bare(drafts, gave)):
                cells.append(f"**{ratio:.2f}**" if drafts == most else f"{ratio:.2f}")
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def lengths(text: str, drafts: int, accepted: Sequence[int]) -> str:
    """How often how many drafts of a pass were taken."""
    shares = [f"{accepted.count(n) / max(1, len(accepted)):.0%}" for n in range(drafts + 1)]
    return f"{text}, {drafts} drafts: 0 to {drafts} of them taken in {', '.join(shares)} of passes"


def main(argv: Sequence[str] | None = None) -> None:
    """Replay, measure, compute, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--real", nargs=3, action="append", required=True, metavar=("NAME", "ADAPTER", "FILE"),
        help="chats (.jsonl) that an adapter is asked, and what to call them",
    )  # fmt: skip
    parser.add_argument("--shape", action="append", choices=BACKBONES, help="default: 4B and 8B")
    parser.add_argument("--limit", type=int, default=30, help="questions")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--blocks", type=int, default=2, help="of a backbone that are built")
    parser.add_argument("--rounds", type=int, default=15, help="in which every part is timed")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--cpu-time", action="store_true", help="seconds of this process alone")
    args = parser.parse_args(argv)
    if args.cpu_time:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before MLX loads it: waiting threads count
        time.perf_counter = time.process_time
    texts = {
        name: replayed(adapter, Path(data), args.limit, args.max_tokens)
        for name, adapter, data in args.real
    }
    for name, found in texts.items():
        print(*(lengths(name, k, one.accepted) for k, one in found.items()), sep="\n", flush=True)
    rows = []
    for shape in args.shape or ["4B", "8B"]:
        _, layers, *_, tied = BACKBONES[shape]
        like = shaped(shape)
        real = measured(small(shape, like.config, args.blocks, args.dtype), layers, args.rounds)
        print(f"{shape}: {args.dtype}, the least steady part's middle half {real.spread:.0%} apart")
        ideal = computed(like, tied)
        for name, found in texts.items():
            rows += lines(shape, name, found, real.costs, ideal)
    print(HEAD, *rows, sep="\n")


if __name__ == "__main__":
    main()

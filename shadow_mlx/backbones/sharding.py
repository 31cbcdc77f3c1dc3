"""A backbone split over several processes by mlx-lm's own ``shard``: a part of each matrix on each.

The split is tensor parallelism: each process has some of the heads and some of the MLP's neurons
(of every expert), and sums over the processes make hidden states whole again behind them.
Embeddings, norms and, in most families, the head are whole on each.

D hidden size
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import gcd
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx_lm.models
from mlx_lm.utils import get_total_parameters

from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.backbones.pretending import Machines
from shadow_mlx.backbones.whole_gradients import make_whole
from shadow_mlx.backbones.wrapping import unwrapped
from shadow_mlx.errors import ModelError


def split(backbone: nn.Module, group: Any, name: str) -> int:
    """Keep this process's part of a backbone whose weights are still on disk.

    A block's weights are read, cut and let go one after the other, so that none but the largest
    tensor is ever whole in memory.

    Args:
        backbone: The model, split in place; it may carry a shadow already.
        group: The processes; or :class:`Machines`, where nothing is to be read.
        name: What to call the model in errors.

    Returns:
        How many of its parameters are not here.

    Raises:
        ModelError: mlx-lm cannot split this family, or not over so many.
    """
    check(backbone, group.size(), name)
    decoder, whole = find_decoder(backbone), get_total_parameters(backbone)
    with _bare(decoder):
        try:
            backbone.shard(group)
        except (ValueError, AssertionError) as error:
            raise ModelError(
                f"{name}: cannot be split over {group.size()} machines: {error}"
            ) from error
        for block in decoder.blocks:
            make_whole(block, group)
    backbone.freeze()  # mlx-lm's split layers are new ones
    if not isinstance(group, Machines):
        for block in decoder.blocks:
            mx.eval(block.parameters())
        mx.eval(backbone.parameters())
    return int(whole - get_total_parameters(backbone))


_DEALT_OUT = {
    "num_attention_heads": "attention heads",
    "num_key_value_heads": "heads of keys and values",
}


def check(backbone: nn.Module, machines: int, name: str) -> None:
    """Say now what a split over so many machines would fail at, or do wrongly.

    Raises:
        ModelError: mlx-lm cannot split this family, or its heads do not go evenly.
    """
    decoder = find_decoder(backbone)
    if not hasattr(backbone, "shard"):
        raise ModelError(
            f"{name}: mlx-lm {mlx_lm.__version__} cannot split {decoder.name} over machines; it "
            f"can split {', '.join(families())}. Leave --parallel tensor out, or take a model of "
            "one of these families"
        )
    counts = {what: decoder.arguments.get(setting) for setting, what in _DEALT_OUT.items()}
    heads = {what: count for what, count in counts.items() if isinstance(count, int)}
    together = gcd(*heads.values())
    for what, count in heads.items():
        if count % machines:
            fitting = [str(n) for n in range(2, together + 1) if together % n == 0]
            raise ModelError(
                f"{name}: its {count} {what} cannot be dealt out evenly to {machines} machines; "
                + (f"take {', '.join(fitting)} of them" if fitting else "it has to stay on one")
            )


def families() -> list[str]:
    """The modules of mlx-lm whose models can be split."""
    sources = [file for path in mlx_lm.models.__path__ for file in Path(path).glob("*.py")]
    # read and not imported: some need packages of their own, and end the program without them
    return sorted(file.stem for file in sources if "    def shard(" in file.read_text("utf-8"))


@contextmanager
def _bare(decoder: Decoder) -> Iterator[None]:
    """The blocks without their shadows, as mlx-lm knows them."""
    blocks = decoder.blocks
    decoder.replace_blocks([unwrapped(block) for block in blocks])
    try:
        yield
    finally:
        decoder.replace_blocks(blocks)

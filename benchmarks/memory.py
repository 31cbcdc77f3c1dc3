"""Estimated against measured peak memory of training, on random backbones of many kinds.

    python -m benchmarks.memory [--oracle] [--only NAME …]

Each configuration trains for a few steps in a process of its own, on this machine's default
device; ``mx.get_peak_memory`` is what is compared. With ``--oracle`` only 3 and 4 blocks of it
train, and what a block more takes is added up to the model's depth: for a device on which the
simulation was never checked, and for models too large to train here. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx.config import TrainConfig

if TYPE_CHECKING:
    from shadow_mlx.memory.tracing import BatchShape

STEPS = 3

_COMMON: dict[str, Any] = {
    "model_type": "qwen3",
    "hidden_size": 256,
    "num_hidden_layers": 6,
    "intermediate_size": 512,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 2048,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}

_QWEN35: dict[str, Any] = {
    "model_type": "qwen3_5",
    "text_config": {
        **_COMMON,
        "model_type": "qwen3_5_text",
        "hidden_size": 512,
        "num_hidden_layers": 4,
        "intermediate_size": 1024,
        "head_dim": 128,
        "linear_num_value_heads": 8,
        "linear_num_key_heads": 4,
        "linear_key_head_dim": 64,
        "linear_value_head_dim": 64,
        "linear_conv_kernel_dim": 4,
        "full_attention_interval": 4,
        "partial_rotary_factor": 0.25,
    },
}


@dataclass(frozen=True)
class Case:
    """One configuration: a ``config.json``, options of the run, and the batch."""

    name: str
    model: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 4
    width: int = 256
    trained: int = 512

    @property
    def config_json(self) -> dict[str, Any]:
        """The backbone's configuration."""
        return {**_COMMON, **self.model}

    def batch(self, config: TrainConfig) -> BatchShape:
        """The shape of a step's batch."""
        from shadow_mlx.memory.tracing import BatchShape

        return BatchShape(self.rows, self.width, self.trained, config.packing)


CASES = (
    Case("plain"),
    Case("one long example", rows=1, width=1024, trained=900),
    Case("many short examples", rows=32, width=48, trained=400),
    Case("deep and narrow", {"num_hidden_layers": 16, "hidden_size": 128}),
    Case("a module for each layer", options={"sharing": "layer", "rank": 16}),
    Case("checkpointed", options={"grad_checkpoint": True}),
    Case("checkpointed, deep", {"num_hidden_layers": 16}, {"grad_checkpoint": True}),
    Case("bfloat16", {"dtype": "bfloat16"}),
    Case(
        "4-bit backbone",
        {"dtype": "bfloat16", "quantization": {"group_size": 64, "bits": 4}},
    ),
    Case("large vocabulary", {"vocab_size": 50304}, rows=2, width=128, trained=200),
    Case("narrow shadow", options={"shadow_hidden_size": 128, "shadow_intermediate_size": 256}),
    Case("one shadow layer", options={"shadow_layers": 1}),
    Case("accumulated over 4 batches", options={"grad_accumulation_steps": 4}, rows=2),
    Case("large weights, small batch", {"hidden_size": 512, "vocab_size": 16384}, rows=1, width=64,
         trained=40),
    Case("sgd, no auxiliary loss", options={"optimizer": "sgd", "aux_weight": 0.0}),
    Case("dropout", options={"dropout": 0.1}),
    Case("llama, untied head", {"model_type": "llama", "tie_word_embeddings": False}),
    Case(
        "gemma 3",
        {
            "model_type": "gemma3_text",
            "query_pre_attn_scalar": 64,
            "sliding_window": 128,
            "sliding_window_pattern": 3,
        },
    ),
    Case(
        "gemma 4",
        {
            "model_type": "gemma4_text",
            "global_head_dim": 128,
            "sliding_window": 128,
            "sliding_window_pattern": 3,
            "num_kv_shared_layers": 2,
            "hidden_size_per_layer_input": 32,
            "vocab_size_per_layer_input": 2048,
        },
    ),
    Case("qwen 3.5 (512 × 4)", _QWEN35),
    Case("qwen 3.5, checkpointed", _QWEN35, {"grad_checkpoint": True}),
    Case(
        "mixtral",
        {"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2},
        rows=2,
    ),
)  # fmt: skip


def train_config(case: Case, folder: Path) -> TrainConfig:
    """The run's options; ``folder`` gets the backbone's ``config.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(case.config_json))
    return TrainConfig(model=str(folder), batch_size=case.rows, **case.options)


def estimated(case: Case, folder: Path) -> Any:
    """The estimate of one case."""
    from shadow_mlx.memory.estimate import estimate

    config = train_config(case, folder)
    return estimate(config, case.batch(config))


def trainer(case: Case, folder: Path) -> Any:
    """The training step of one case, on random weights."""
    import mlx.core as mx

    from shadow_mlx.backbones.skeleton import build_backbone
    from shadow_mlx.memory.estimate import distillation_like
    from shadow_mlx.training.device import prepare_device
    from shadow_mlx.training.model import prepare_model
    from shadow_mlx.training.objectives import objective_of
    from shadow_mlx.training.optimizers import build_optimizer
    from shadow_mlx.training.step import TrainingStep

    config = train_config(case, folder)
    backbone = build_backbone(case.config_json, case.name)
    mx.eval(backbone.parameters())
    model = prepare_model(backbone, case.config_json, config)
    objective = objective_of(config, distillation_like(config, model), model)
    prepare_device()
    return TrainingStep(model, build_optimizer(config, 100), objective, clip=config.clip)


def measured(case: Case) -> int:
    """Peak bytes of a few training steps on random weights, beyond what this process holds."""
    import mlx.core as mx

    before = mx.get_active_memory()
    with tempfile.TemporaryDirectory() as folder:
        step = trainer(case, Path(folder))
        batch = case.batch(train_config(case, Path(folder))).zeros()
    for number in range(1, STEPS + 1):
        batches = [batch] * case.options.get("grad_accumulation_steps", 1)
        step.finish(step.start(number, batches, case.trained, [0.0, 1.0]))
    return mx.get_peak_memory() - before


def measured_apart(case: Case) -> int:
    """:func:`measured` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--measure", json.dumps(asdict(case))],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{case.name}: {done.stderr[-2000:]}")
    return int(done.stdout)


def oracle(case: Case, measure: Callable[[Case], int] = measured_apart) -> int:
    """The peak bytes of a model of any depth, from real steps with 3 and with 4 of its blocks."""
    three, four = (
        measure(replace(case, model={**case.model, "num_hidden_layers": blocks}))
        for blocks in (3, 4)
    )
    return three + (case.config_json["num_hidden_layers"] - 3) * (four - three)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, estimate, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some configurations only")
    parser.add_argument("--oracle", action="store_true", help="extrapolate from few blocks")
    parser.add_argument("--measure", metavar="JSON", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.measure:
        print(measured(Case(**json.loads(args.measure))))
        return 0
    cases = {case.name: case for case in CASES}
    find = oracle if args.oracle else measured_apart
    print(
        f"| configuration | {'extrapolated' if args.oracle else 'measured'} | estimated | error |"
    )
    print("|---|---|---|---|")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for case in [cases[name] for name in args.only] if args.only else CASES:
            real, expected = find(case), estimated(case, Path(folder)).peak
            error = expected / real - 1
            worst = max(worst, abs(error))
            print(
                f"| {case.name} | {real / 1e6:,.1f} MB | {expected / 1e6:,.1f} MB | {error:+.1%} |"
            )
    print(f"\nWorst error: {worst:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

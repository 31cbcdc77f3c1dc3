"""Options of a training run that cannot be had together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shadow_mlx.config.values import shown

if TYPE_CHECKING:
    from shadow_mlx.config.training import TrainConfig


def problems_of(config: TrainConfig) -> list[str]:
    """What one option says and another one takes back, one sentence each."""
    problems = []
    if config.iters is not None and config.epochs is not None:
        problems.append("--iters and --epochs: give one of them, not both")
    if config.packing and config.on_policy:
        problems.append(
            "--packing and --on-policy: the shadow writes behind one example of a row, not "
            "behind several; leave one of them out"
        )
    if config.patience and config.val_batches == 0:
        problems.append("--patience needs validation; --val-batches is 0")
    if config.auto and config.parallel == "tensor":
        problems.append(
            "--auto reckons with one machine: leave it out with --parallel tensor; "
            "shadow-mlx estimate --machines N says what each of several needs"
        )
    if config.shadow_start != "random" and config.shadow != "mirror":
        problems.append("--shadow-start: an explicit --shadow brings its own weights")
    return problems + _teaching(config)


def _hidden_states(config: TrainConfig) -> list[str]:
    """Blocks that are none, or that nothing is pulled to; states that are not kept."""
    problems = []
    numbers = config.numbered_blocks
    if config.hidden_blocks not in ("last", "even") and not (numbers and min(numbers) > 0):
        problems.append(
            "--hidden-blocks: expected last, even, or numbers of the teacher's blocks from 1, "
            f"like 4,8,12; found {shown(config.hidden_blocks)}"
        )
    elif config.hidden_blocks != "last" and not config.hidden_weight:
        problems.append(
            "--hidden-blocks: nothing is pulled to them while --hidden-weight is 0; give "
            "it one above 0"
        )
    if config.hidden_weight and config.teacher_top:
        problems.append("--hidden-weight and --teacher-top: hidden states are not kept on disk")
    return problems


def _drafts(config: TrainConfig) -> list[str]:
    """Drafts that another model would judge, or that nobody learns to make."""
    problems = []
    if config.teacher and config.objective == "finetune":
        problems.append(
            "--draft-weight and --teacher: drafts are judged by the attached model itself; "
            "leave one of them out"
        )
    if config.freeze == "shadow":
        problems.append(
            "--draft-weight and --freeze shadow: only the shadow learns to draft; leave one of "
            "them out"
        )
    return problems


def _teaching(config: TrainConfig) -> list[str]:
    """Options of a teacher without one, and of what a pretraining does not have."""
    problems = _hidden_states(config) + (_drafts(config) if config.draft_weight else [])
    if not config.distils:
        problems += [
            f"{flag}: there is no teacher with --distill-weight 0"
            for flag, given in (
                ("--teacher", config.teacher),
                ("--hidden-weight", config.hidden_weight),
                ("--teacher-top", config.teacher_top),
            )
            if given
        ]
        if config.on_policy:
            problems.append(
                "--on-policy: a teacher scores what the shadow writes, and there is none; give "
                "--teacher, or a --distill-weight or --draft-weight above 0"
            )
    if config.answers != "given" and config.teacher in (None, "base"):
        problems.append(
            f"--answers {config.answers}: nobody is there to write them; name an adapter as "
            "--teacher, whose attached model does"
        )
    if config.objective == "pretrain":
        problems += [
            f"{flag}: pretraining trains the shadow network alone; leave this flag out"
            for flag, given in (
                ("--freeze", config.freeze),
                ("--init-adapter", config.init_adapter),
            )
            if given
        ]
    elif config.teacher_top and not config.teacher:
        problems.append(
            "--teacher-top: the attached model changes while it trains, so that its answers "
            "cannot be kept; name another --teacher"
        )
    if config.on_policy and config.teacher_top:
        problems.append(
            "--on-policy and --teacher-top: what the shadow will write is not known before the "
            "first step; leave --teacher-top out, so that the teacher answers while it trains"
        )
    if config.on_policy and config.freeze == "shadow":
        problems.append(
            "--on-policy and --freeze shadow: only the shadow learns from its own words; leave "
            "one of them out"
        )
    return problems

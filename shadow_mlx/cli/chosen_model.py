"""Which model and mode a command that generates text works with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shadow_mlx import words
from shadow_mlx.config import Mode, ModelConfig, TemplateConfig
from shadow_mlx.errors import InputError
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.data.chat.chat_format import ChatFormat
    from shadow_mlx.generation.decode import Answer
    from shadow_mlx.generation.drafted import Drafted
    from shadow_mlx.parallel.team import Team


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer in ``mode``.

    Attributes:
        backbone: The backbone's name, as given or recorded.
        adapter: The adapter's folder, or None for a backbone alone.
    """

    model: Any
    tokenizer: Any
    mode: Mode
    backbone: str
    adapter: str | None


def load_model(
    config: ModelConfig, *, switchable: bool = False, team: Team | None = None
) -> Loaded:
    """Load what the options name; says on stderr when the backbone was chosen by default.

    Args:
        config: Backbone, adapter, and which of them answers.
        switchable: With ``--base``, load the adapter too where there is one, so that the mode can
            change later.
        team: The processes of this command, which may split the backbone.

    Raises:
        InputError: There is no adapter, and the mode needs one.
        ShadowMLXError: The model or the adapter cannot be loaded.
    """
    mode = config.mode
    has_adapter = holds_adapter(config.adapter_path)
    if mode != "base" and not has_adapter:
        raise InputError(
            f"no adapter in {config.adapter_path}: train one first (shadow-mlx train --data FILE), "
            "name its folder with --adapter-path, or talk to the untuned backbone with --base"
        )
    from shadow_mlx.hub.resolving import choose_model
    from shadow_mlx.loading import load

    choice = choose_model(config.model, config.adapter_path if has_adapter else None)
    if choice.by_default:
        print(f"model: {choice.name} ({choice.reason})", file=sys.stderr)
    attach = has_adapter and (mode != "base" or (switchable and config.model is None))
    model, tokenizer = load(
        None if choice.adapter else choice.name,  # errors tell then where the name comes from
        config.adapter_path if attach or choice.adapter else None,
        "attached" if mode == "base" and attach else mode,
        trust_remote_code=config.trust_remote_code,
        group=team.group if team is not None and team.splits else None,
    )
    return Loaded(model, tokenizer, mode, choice.name, config.adapter_path if attach else None)


def chat_format(loaded: Loaded, template: TemplateConfig) -> ChatFormat:
    """The tokenizer with its chat template: as the options say, else as in training."""
    from shadow_mlx.checkpoints.template_record import template_of
    from shadow_mlx.data.chat.chat_format import ChatFormat

    form = ChatFormat(loaded.tokenizer, template_of(loaded.adapter, template))
    for note in form.template.notes:
        print(f"note: {note}", file=sys.stderr)
    return form


def describe(backbone: str, adapter: str | None, mode: Mode) -> str:
    """Which weights answer, in a few words."""
    if mode == "base":
        return visible(f"base: {backbone} as it came")
    if mode == "detached":
        return visible(f"detached: the shadow of {adapter} alone")
    return visible(f"attached: {backbone} with the shadow of {adapter}")


def cost(answer: Answer) -> str:
    """One answer's cost, in a line for stderr."""
    return (
        f"{answer.generation_tps:.1f} tokens/s · {len(answer.tokens)} tokens"
        f" · {words.size(answer.memory_bytes)}"
        + (f" · {_drafts(answer.drafted)}" if answer.drafted else "")
        + {"length": _cut_by(answer), "interrupted": " · interrupted"}.get(answer.finish_reason, "")
        + (f" · {answer.context_tokens:,} tokens, and {answer.limit}" if answer.beyond else "")
    )


def stats(answers: Sequence[Answer]) -> str:
    """What the last answer took, and how drafting went in all of them; several lines."""
    if not answers:
        return "nothing was answered yet"
    lines = [f"last answer: {cost(answers[-1])}"]
    told = [answer.drafted for answer in answers if answer.drafted]
    if not told:
        return f"{lines[0]}\nno answer was drafted (attached ones are, but for --no-draft)"
    whole = sum(told[1:], start=told[0])
    return "\n".join(
        [
            *lines,
            f"drafted answers so far: {len(told):,}, of {whole.tokens:,} tokens in "
            f"{whole.passes:,} passes: {_drafts(whole)}",
            f"{whole.accepted:,} of {whole.drafted:,} drafts were right ({whole.acceptance:.0%}), "
            f"{whole.looked_up:,} of them found by looking back",
        ]
    )


def _drafts(told: Drafted) -> str:
    return words.drafts(told.tokens_per_pass, told.speedup)


def _cut_by(answer: Answer) -> str:
    hard = answer.beyond and answer.limit is not None and answer.limit.hard
    return " · cut at the model's end" if hard else " · cut at --max-tokens"

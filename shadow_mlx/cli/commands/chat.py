"""Talk with the tuned model, its shadow alone, or the untuned backbone; /help lists commands."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from shadow_mlx.cli.chosen_model import chat_format, load_model
from shadow_mlx.cli.options import add_config_file, add_options, build_options
from shadow_mlx.cli.together import follow, leading, working_together
from shadow_mlx.cli.typed import utf8
from shadow_mlx.config import ChatConfig, SamplingConfig

if TYPE_CHECKING:
    from shadow_mlx.parallel.team import Team

OPTIONS = ChatConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_config_file(parser)
    add_options(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Talk until the input ends or the person leaves."""
    config = build_options(OPTIONS, args)
    sampling = config.part(SamplingConfig)
    system = utf8(config.system_prompt, "--system-prompt") if config.system_prompt else ""
    with working_together(config.parallel) as team:
        return _talk(config, sampling, system, team)


def _talk(config: ChatConfig, sampling: SamplingConfig, system: str, team: Team) -> int:
    loaded = load_model(config, switchable=True, team=team)

    from shadow_mlx.cli.conversation import TerminalChat
    from shadow_mlx.generation.decode import seed_sampling
    from shadow_mlx.generation.engine import Engine
    from shadow_mlx.generation.prompts import chat_prompt
    from shadow_mlx.generation.session import ChatSession

    form = chat_format(loaded, config.template)
    # Once before the first prompt, so that a missing chat template is said now.
    chat_prompt(form, [{"role": "user", "content": "x"}])
    seed_sampling(sampling)
    engine = Engine(loaded.model, form, team)
    if not team.first:
        return follow(engine)
    session = ChatSession(engine, sampling, mode=loaded.mode, system=system)
    with leading(engine):
        return TerminalChat(session, loaded.backbone, loaded.adapter).run()

"""Answer one prompt with the tuned model, its shadow alone, or the untuned backbone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx.cli.chosen_model import chat_format, cost, describe, load_model
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, build_options
from shadow_mlx.cli.together import follow, leading, working_together
from shadow_mlx.cli.typed import utf8, whole_text
from shadow_mlx.config import GenerateConfig, SamplingConfig
from shadow_mlx.errors import InputError
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.cli.chosen_model import Loaded
    from shadow_mlx.generation.answers import Part
    from shadow_mlx.parallel.team import Team


OPTIONS = GenerateConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "-p", "--prompt", required=True, metavar="TEXT", help="the prompt; - reads it from stdin"
    )
    add_config_file(parser)
    parser.add_argument("--json", action="store_true", help="text and figures as JSON on stdout")
    add_options(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Generate; the text goes to stdout, everything else to stderr."""
    config = build_options(OPTIONS, args)
    if args.prompt == "-" and config.parallel == "tensor":
        raise InputError(
            "--prompt -: mlx.launch never says that its input has ended; give --prompt TEXT"
        )
    text = _prompt(args.prompt)
    schema = None if config.json_schema is None else _schema(Path(config.json_schema))
    with working_together(config.parallel) as team:
        loaded = load_model(config, team=team)
        return _answer(args, config, text, schema, loaded, team)


def _prompt(given: str) -> str:
    """The prompt that somebody gives or pipes in."""
    text = whole_text("--prompt -: stdin") if given == "-" else utf8(given, "--prompt")
    if given == "-" and not text:
        raise InputError(
            "--prompt -: stdin is closed or empty; pipe the prompt in, or give --prompt TEXT"
        )
    return text


def _answer(
    args: argparse.Namespace,
    config: GenerateConfig,
    text: str,
    schema: dict[str, Any] | None,
    loaded: Loaded,
    team: Team,
) -> int:
    """Ask, print the answer, and return the exit code."""
    from shadow_mlx.cli.signals import cut_by_ctrl_c
    from shadow_mlx.generation.conversation import Conversation, Turn
    from shadow_mlx.generation.decode import seed_sampling
    from shadow_mlx.generation.engine import Engine

    sampling = config.part(SamplingConfig)
    seed_sampling(sampling)
    form = chat_format(loaded, config.template)
    if config.ignore_chat_template or not loaded.tokenizer.has_chat_template:
        if not config.ignore_chat_template:
            print("note: no chat template; the prompt is continued as text", file=sys.stderr)
        asked: Conversation | str = text
    else:
        asked = Conversation()
        if config.system_prompt is not None:  # an empty one is said, too
            asked = asked.said(Turn("system", utf8(config.system_prompt, "--system-prompt")))
        asked = asked.asked(text)
    show = _say_nothing if args.json else _show
    engine = Engine(loaded.model, form, team)
    if not team.first:
        return follow(engine)
    with cut_by_ctrl_c() as stop, leading(engine):
        answer = engine.answer(
            asked, loaded.mode, sampling, on_piece=show, stop=stop, schema=schema
        )
    if args.json:
        figures = {
            "text": answer.text,
            "reasoning": answer.reasoning,
            "mode": loaded.mode,
            "model": loaded.backbone,
            "adapter": loaded.adapter,
            "prompt_tokens": answer.prompt_tokens,
            "generation_tokens": len(answer.tokens),
            "prompt_tps": answer.prompt_tps,
            "generation_tps": answer.generation_tps,
            "memory_bytes": answer.memory_bytes,
            "finish_reason": answer.finish_reason,
            "draft": None if answer.drafted is None else answer.drafted.figures(),
        }
        print_json(figures)
    else:
        print(flush=True)
        which = describe(loaded.backbone, loaded.adapter, loaded.mode)
        print(f"[{which} · {cost(answer)}]", file=sys.stderr)
    if answer.finish_reason == "interrupted":
        raise KeyboardInterrupt
    return 0


def _schema(file: Path) -> dict[str, Any]:
    """The JSON schema in a file."""
    try:
        return read_object(file, strict=True)
    except (OSError, JsonFileError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"--json-schema {file}: {reason}") from None


def _show(part: Part, text: str) -> None:
    """The answer goes to stdout, what the model thinks before it to stderr."""
    where = sys.stdout if part == "words" else sys.stderr
    print(visible(text), end="", flush=True, file=where)


def _say_nothing(part: Part, text: str) -> None:
    """The whole answer comes at the end."""

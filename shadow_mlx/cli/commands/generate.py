"""Answer one prompt with the tuned model, its shadow alone, or the untuned backbone."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from shadow_mlx.cli.chosen_model import chat_format, cost, describe, load_model
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, build_options
from shadow_mlx.cli.typed import utf8, whole_text
from shadow_mlx.config import GenerateConfig, SamplingConfig
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.generation.answers import Pieces


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
    sampling = config.part(SamplingConfig)
    text = whole_text("--prompt -: stdin") if args.prompt == "-" else utf8(args.prompt, "--prompt")
    loaded = load_model(config)

    from shadow_mlx.generation.answers import AnswerReader
    from shadow_mlx.generation.decode import decode, seed_sampling
    from shadow_mlx.generation.prompts import chat_prompt, plain_prompt

    seed_sampling(sampling)
    form = chat_format(loaded, config.template)
    if config.ignore_chat_template or not loaded.tokenizer.has_chat_template:
        if not config.ignore_chat_template:
            print("note: no chat template; the prompt is continued as text", file=sys.stderr)
        prompt = plain_prompt(form, text)
    else:
        messages = [{"role": "user", "content": text}]
        if config.system_prompt is not None:
            system = utf8(config.system_prompt, "--system-prompt")
            messages.insert(0, {"role": "system", "content": system})
        prompt = chat_prompt(form, messages)
    reader = AnswerReader(form)
    opening = reader.opening(prompt)
    stream = reader.stream(opening)
    answer = decode(
        loaded.model,
        loaded.tokenizer,
        prompt,
        sampling,
        on_text=None if args.json else lambda text: _show(stream.feed(text)),
    )
    parts = reader.read(answer.text, opening)
    if args.json:
        figures = {
            "text": parts.words,
            "reasoning": parts.reasoning,
            "mode": loaded.mode,
            "model": loaded.backbone,
            "adapter": loaded.adapter,
            "prompt_tokens": answer.prompt_tokens,
            "generation_tokens": len(answer.tokens),
            "prompt_tps": answer.prompt_tps,
            "generation_tps": answer.generation_tps,
            "memory_bytes": answer.memory_bytes,
            "finish_reason": answer.finish_reason,
        }
        print_json(figures)
    else:
        _show(stream.finish())
        print(flush=True)
        which = describe(loaded.backbone, loaded.adapter, loaded.mode)
        print(f"[{which} · {cost(answer)}]", file=sys.stderr)
    if answer.finish_reason == "interrupted":
        raise KeyboardInterrupt
    return 0


def _show(parts: Pieces) -> None:
    """The answer goes to stdout, what the model thinks before it to stderr."""
    for part, text in parts:
        where = sys.stdout if part == "words" else sys.stderr
        print(visible(text), end="", flush=True, file=where)

"""Check training data, show what is trained of them, convert tables, split, sample and shuffle."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from typing import TYPE_CHECKING

from shadow_mlx.cli.data_making import add_making, make
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, build_options, path_text
from shadow_mlx.config import (
    BackboneConfig,
    ConvertConfig,
    EncodingConfig,
    SampleConfig,
    ShuffleConfig,
    SplitConfig,
    TrainConfig,
)
from shadow_mlx.errors import InputError
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.loading import ReadyTokenizer

NO_LIMIT = 2**31 - 1

OPTIONS = {
    "check": EncodingConfig,
    "show": EncodingConfig,
    "convert": ConvertConfig,
    "split": SplitConfig,
    "sample": SampleConfig,
    "shuffle": ShuffleConfig,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands and their flags."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="|".join(OPTIONS))
    check = actions.add_parser(
        "check",
        help="validate every line; count examples and tokens",
        description="Validate every line; count examples and tokens. Exit code 2 on problems.",
    )
    check.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    show = actions.add_parser(
        "show",
        help="print examples as the model reads them, the trained tokens marked",
        description="Print examples as the model reads them, the trained tokens marked.",
    )
    show.add_argument("-n", type=int, default=3, metavar="N", help="records (default: 3)")
    show.add_argument(
        "--line", type=int, default=1, metavar="N", help="begin at this line (default: 1)"
    )
    show.add_argument("--ids", action="store_true", help="the token ids of each part, too")
    for action in (check, show):
        action.add_argument(
            "data",
            type=path_text,
            metavar="FILE",
            help="JSON Lines; or a folder or hub id, as for train --data",
        )
        add_config_file(action)
        add_options(action, EncodingConfig)
    add_making(actions)


def run(args: argparse.Namespace) -> int:
    """Do it; results on stdout."""
    if args.action not in ("check", "show"):
        return make(args.action, args.data, build_options(OPTIONS[args.action], args), args.json)
    config = build_options(EncodingConfig, args, file=TrainConfig)
    if args.action == "check":
        return _check(args.data, config, args.json)
    return _show(args.data, config, args)


def _check(data: str, config: EncodingConfig, as_json: bool) -> int:
    from shadow_mlx.cli.data_facts import as_text, file_facts, problem_facts, token_facts
    from shadow_mlx.data.reach import length_notes, longest_example
    from shadow_mlx.data.reading.checking import check_file
    from shadow_mlx.data.reading.problems import InvalidDataError
    from shadow_mlx.data.reading.records import JsonLines
    from shadow_mlx.data.reading.sources import locate
    from shadow_mlx.data.reading.splits import overlaps
    from shadow_mlx.data.tokens import Encoder, encode_all

    reports = [check_file(path, config.columns) for path in locate(data)]
    problems = [problem for report in reports for problem in report.problems]
    total = sum(report.problem_count for report in reports)
    files = [file_facts(report) for report in reports]
    common = overlaps(reports)
    model = None
    if not problems:
        choice, tokenizer, limit = _tokenizer(config)
        model = choice.name
        whole = dataclasses.replace(config.encoding, max_seq_length=NO_LIMIT)
        encoder = Encoder(tokenizer, whole)
        for report, facts in zip(reports, files, strict=True):
            try:
                dataset = encode_all(JsonLines(report.path, config.columns), encoder)
            except InvalidDataError as error:
                problems += error.problems
                total += error.total
                facts.update(problem_facts(error.problems, error.total))
            else:
                longest = longest_example(config.max_seq_length, limit)
                facts["tokens"] = token_facts(dataset, longest)
                facts["tokens"]["notes"] += length_notes(dataset, config.max_seq_length, limit)
    if as_json:
        shared = [overlap._asdict() for overlap in common]
        print_json({"model": model, "files": files, "overlaps": shared})
        return InputError.exit_code if problems else 0
    shown = [*map(as_text, files), *(f"note: {overlap}" for overlap in common)]
    print("\n\n".join(map(visible, shown)))
    if problems:
        raise InvalidDataError(problems, total)
    return 0


def _show(data: str, config: EncodingConfig, args: argparse.Namespace) -> int:
    from shadow_mlx.cli.token_marks import LEGEND, as_ids, as_text
    from shadow_mlx.data.dataset import EncodingCounts
    from shadow_mlx.data.reading.problems import InvalidDataError
    from shadow_mlx.data.reading.records import JsonLines
    from shadow_mlx.data.reading.sources import locate
    from shadow_mlx.data.stretches import stretches
    from shadow_mlx.data.tokens import Encoder, refused

    if args.n < 1 or args.line < 1:
        raise InputError("-n and --line count from 1")
    source = JsonLines(locate(data).train, config.columns)
    chosen = [i for i in range(len(source)) if source.line_number(i) >= args.line][: args.n]
    if not chosen:
        last = source.line_number(len(source) - 1)
        raise InputError(f"--line {args.line}: the last example stands on line {last}")
    _, tokenizer, limit = _tokenizer(config)
    encoder = Encoder(tokenizer, config.encoding, limit)
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    counts = EncodingCounts()
    if not coloured:
        print(LEGEND, file=sys.stderr)
    for i in chosen:
        number = source.line_number(i)
        (whole,) = encoder.encode_many([source[i]])
        if whole.refusal is not None:
            raise InvalidDataError([refused(source, i, whole.refusal)])
        examples = encoder.keep(whole, counts)
        if not examples:
            print(f"{visible(str(source.path))}:{number} · dropped: nothing trained in it\n")
        for k, example in enumerate(examples, 1):
            part = f" · part {k} of {len(examples)}" if len(examples) > 1 else ""
            trained = f"{len(example.tokens):,} tokens, {int(example.supervised.sum()):,} trained"
            print(f"{visible(str(source.path))}:{number}{part} · {trained}")
            parts = list(stretches(tokenizer, example, encoder.format.stop))
            print(as_text(parts, coloured))
            if args.ids:
                print("\n" + as_ids(tokenizer, example, parts))
            if example.truncated:
                by_model = f"{encoder.longest:,} tokens: {limit}"
                asked = f"--max-seq-length {config.max_seq_length:,}"
                print(f"… cut at {by_model if encoder.longest < config.max_seq_length else asked}")
            print()
    for note in [*encoder.format.template.notes, *counts.notes()]:
        print(f"note: {visible(note)}", file=sys.stderr)
    return 0


def _tokenizer(config: EncodingConfig) -> ReadyTokenizer:
    """The tokenizer; says on stderr which model's was taken by default."""
    from shadow_mlx.loading import load_tokenizer_of

    ready = load_tokenizer_of(config.part(BackboneConfig))
    if ready.choice.by_default:
        print(f"tokenizer: {visible(ready.choice.name)} ({ready.choice.reason})", file=sys.stderr)
    return ready

"""What ``data check`` reports of one file: plain values for ``--json``, and the same as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shadow_mlx import words
from shadow_mlx.data.converting.origin import made_of
from shadow_mlx.data.dataset import EncodedDataset, histogram
from shadow_mlx.data.reading.checking import CheckReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shadow_mlx.data.reading.problems import Problem

BAR = 40  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"


def file_facts(report: CheckReport) -> dict[str, Any]:
    """What reading a file found.

    ``bytes`` are the file's; ``labels``, ``unread_columns`` and ``message_keys`` (those that only
    some chat templates read) have the number of their lines; ``line`` is null for a whole file, and
    ``made_of`` says where a file came from that this program wrote.
    """
    return {
        "path": str(report.path),
        "format": report.kind,
        "examples": report.records,
        "bytes": report.file_bytes,
        "assistant_turns": report.turns,
        "with_tools": report.tool_records,
        "labels": dict(report.labels.most_common()),
        "unread_columns": dict(report.unread),
        "message_keys": dict(report.message_keys),
        "repeated_examples": report.prints.repeats().examples,
        "made_of": made_of(report.path),
        "notes": report.notes(),
        **problem_facts(report.problems, report.problem_count),
    }


def problem_facts(problems: Sequence[Problem], count: int) -> dict[str, Any]:
    """The findings that were kept, and how many there are."""
    kept = [{"line": p.line, "found": p.found, "expected": p.expected} for p in problems]
    return {"problem_count": count, "problems": kept}


def token_facts(dataset: EncodedDataset, max_seq_length: int) -> dict[str, Any]:
    """What encoding a file, at full length, gives. Lengths are tokens.

    Args:
        dataset: Encoded without cutting.
        max_seq_length: The limit to try: what it would cut, and leave without a trained token.
    """
    lengths, counts = dataset.lengths, dataset.counts
    long = [i for i in range(len(dataset)) if lengths[i] > max_seq_length]
    lost = sum(not dataset[i].supervised[:max_seq_length].any() for i in long)
    tokens = int(lengths.sum())
    return {
        "examples": len(dataset),
        "untrained_examples": counts.dropped_unsupervised,
        "split_records": counts.split_records,
        "tokens": tokens,
        "supervised_tokens": counts.supervised_tokens,
        "supervised_share": counts.supervised_tokens / tokens if tokens else 0.0,
        "shortest": int(lengths.min()) if len(lengths) else 0,
        "longest": int(lengths.max()) if len(lengths) else 0,
        "mean": tokens / len(lengths) if len(lengths) else 0.0,
        "histogram": [{"from": a, "to": b, "examples": n} for a, b, n in histogram(lengths)],
        "max_seq_length": max_seq_length,
        "cut": len(long),
        "cut_untrained": lost,
        "notes": counts.notes(),
    }


def as_text(facts: dict[str, Any]) -> str:
    """The facts of one file as aligned lines."""
    rows = [("format", _format(facts)), ("examples", f"{facts['examples']:,}")]
    if facts["assistant_turns"]:
        rows.append(("assistant turns", f"{facts['assistant_turns']:,}"))
    if facts["labels"]:
        rows.append(("labels", _labels(facts["labels"])))
    rows.append(("size", words.file_size(facts["bytes"])))
    if facts["problem_count"]:
        rows.append(("problems", f"{facts['problem_count']:,}"))
    rows += [("note", note) for note in (*facts["made_of"], *facts["notes"])]
    tokens = facts.get("tokens")
    if tokens:
        rows += _token_rows(tokens)
    lines = [facts["path"], *(f"  {name:<16} {value}" for name, value in rows)]
    if tokens and tokens["histogram"]:
        lines += ["", "  tokens in an example", *_bars(tokens["histogram"])]
    return "\n".join(lines)


def _format(facts: dict[str, Any]) -> str:
    tools = f" ({facts['with_tools']:,} with tools)" if facts["with_tools"] else ""
    return f"{facts['format'] or 'unknown'}{tools}"


def _labels(labels: Mapping[str, int]) -> str:
    fewest, most = min(labels.values()), max(labels.values())
    each = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"{len(labels):,} ({each} example{'' if most == 1 else 's'} each)"


def _token_rows(tokens: dict[str, Any]) -> Iterator[tuple[str, str]]:
    spread = f"{tokens['shortest']:,} to {tokens['longest']:,}"
    yield "tokens", f"{tokens['tokens']:,} ({tokens['mean']:,.0f} in an example, {spread})"
    share = 100 * tokens["supervised_share"]
    yield "trained tokens", f"{tokens['supervised_tokens']:,} ({share:.1f} %)"
    limit = f"--max-seq-length {tokens['max_seq_length']:,}"
    untrained = tokens["cut_untrained"]
    lost = f", {untrained:,} of them down to nothing trained" if untrained else ""
    yield "too long", f"{limit} cuts {tokens['cut']:,} of {tokens['examples']:,} examples{lost}"
    for note in tokens["notes"]:
        yield "note", note


def _bars(bins: list[dict[str, int]]) -> Iterator[str]:
    most = max(one["examples"] for one in bins)
    width = len(f"{bins[-1]['to']:,}")
    for one in bins:
        eighths = round(8 * BAR * one["examples"] / most)
        if one["examples"]:
            eighths = max(eighths, 1)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        label = f"{one['from']:>{width},} – {one['to']:>{width},}"
        yield f"  {label}  {bar:<{BAR}} {one['examples']:>9,}".rstrip()

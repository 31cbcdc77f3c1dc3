"""Records, tokens, lengths and problems as text; pure functions from the worker's replies."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from shadow_mlx.terminal import visible
from shadow_mlx.words import counted
from shadow_mlx.worker import messages as m
from tui.views.words import bar

NOTES = 6
"""Notes on a file that are shown above its records."""

LONGEST_PART = 3000
"""Characters of one part of a record that are shown."""


def records(page: m.Page, width: int) -> Text:
    """A page of records: each with its line number, kind, and parts by role."""
    text = Text()
    for record in page.records:
        _rule(text, f"line {record.line}" + (f" · {record.kind}" if record.kind else ""), width)
        if record.problem:
            text.append(f"! {visible(record.problem)}\n", "bold")
        for role, content in record.parts:
            text.append(f"{visible(role)}: ", "bold")
            text.append(_cut(visible(content)) + "\n")
    return text


def tokens(page: m.Tokens, width: int) -> Text:
    """Examples as the model sees them; what is trained stands in ⟦brackets⟧, underlined."""
    text = Text()
    for example in page.examples:
        note = (
            f"line {example.line} · {counted(example.tokens, 'token')}, {example.trained:,} trained"
        )
        _rule(text, note + (" · cut" if example.truncated else ""), width)
        if example.problem:
            text.append(f"! {visible(example.problem)}\n", "bold")
        for piece, trained in example.pieces:
            shown = _cut(visible(piece))
            text.append(f"⟦{shown}⟧" if trained else shown, "bold underline" if trained else "dim")
        if example.pieces:
            text.append("\n")
    return text


def lengths(measured: m.Measured, max_seq_length: int, width: int) -> Text:
    """The histogram of token lengths, and the shares that matter."""
    text = Text()
    share = measured.trained / measured.tokens if measured.tokens else 0.0
    cut = measured.truncated / measured.examples if measured.examples else 0.0
    text.append(f"{counted(measured.examples, 'example')}, {counted(measured.tokens, 'token')}, ")
    text.append(f"{share:.0%} of them trained\n")
    text.append(
        f"longest {counted(measured.longest, 'token')}; at most {max_seq_length:,} are used: "
    )
    text.append(
        f"{counted(measured.truncated, 'example')} cut ({cut:.1%})\n", "bold" if cut else ""
    )
    text.append("".join(f"! {visible(note)}\n" for note in measured.notes))
    text.append("\ntokens        examples\n", "bold")
    most = max((n for *_, n in measured.histogram), default=1)
    for low, high, n in measured.histogram:
        mark = " (cut)" if low > max_seq_length else ""
        text.append(
            f"{low:>5}–{high:<6} {n:>8,}  {bar(n / most, max(8, min(60, width - 40)))}{mark}\n"
        )
    return text


def problem_line(problem: m.ProblemView) -> Text:
    """One finding in one line."""
    place = f"line {problem.line}" if problem.line else "the file"
    return Text(f"{place}: found {visible(problem.found)}; expected {visible(problem.expected)}")


def facts(name: str, checked: m.Checked | None, total: int | None) -> str:
    """The state of the file in a line, and below it what is left out of it or stands out."""
    if checked is None:
        known = counted(total, "record") if total else "looking …"
        return f"{visible(name)} · {known}"
    kinds = " and ".join(checked.kinds) or "no readable record"
    if not checked.finished:
        share = checked.done / max(1, checked.total)
        state = f"checking {share:.0%} of {checked.total:,}"
    else:
        state = f"{counted(checked.records, 'record')} checked"
    count = checked.problem_count
    problems = f"{counted(count, 'problem')} (e {'shows it' if count == 1 else 'lists them'})"
    found = problems if count else ""
    fine = "✔ no problems" if checked.finished and not checked.problem_count else found
    turns = counted(checked.turns, "assistant turn") if checked.turns else ""
    line = " · ".join(part for part in (visible(name), kinds, state, turns, fine) if part)
    more = len(checked.notes) - NOTES
    notes = [
        *map(visible, checked.notes[:NOTES]),
        *([f"{more} more {'note' if more == 1 else 'notes'}"] if more > 0 else []),
    ]
    return "\n".join([line, *(f"! {note}" for note in notes)])


def problems_hint(problems: Sequence[m.ProblemView], count: int) -> str:
    """How many there are, and what to do with them."""
    if not count:
        return "No problems."
    shown = f", the first {len(problems):,} are here" if count > len(problems) else ""
    return f"{counted(count, 'problem')}{shown}. Enter shows the record."


def _rule(text: Text, label: str, width: int) -> None:
    text.append(f"── {label} " + "─" * max(2, width - len(label) - 5) + "\n", "bold dim")


def _cut(content: str) -> str:
    if len(content) <= LONGEST_PART:
        return content
    return f"{content[:LONGEST_PART]} … ({len(content) - LONGEST_PART:,} more characters)"

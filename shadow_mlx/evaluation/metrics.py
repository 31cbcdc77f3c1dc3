"""How answers are judged: which are right, and the scores that many of them make.

A metric is chosen by its name (``--metric``) or by what the data expects. Each score is a ratio of
counts that add up over questions, so that it can be computed of any sample of them, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from shadow_mlx.config import MetricName
from shadow_mlx.errors import InputError
from shadow_mlx.evaluation.json_answers import count_fields, json_fields, same_json

Counts = npt.NDArray[np.float64]
"""``[n, k]``: k counts for each of n questions; or ``[…, k]``, their sums."""
Ratios = npt.NDArray[np.float64]

FEWEST_QUESTIONS = 20
MOST_WORDS = 8
"""Of data that asks for labels: fewer questions do not show it, longer answers are none."""

_AROUND = "\"'`*"
_MARK = "####"
_NUMBER = re.compile(
    r"(?<![0-9])-?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
)


@dataclass(frozen=True)
class Pair:
    """A model's answer beside the expected one, as text.

    ``same`` says whether they are alike to the letter (tool calls: by value).
    """

    answer: str
    expected: str
    same: bool


@dataclass(frozen=True)
class Score:
    """A figure of many answers, from 0 to 1.

    Attributes:
        name: Its key where figures are kept.
        title: Above its column.
        meaning: What it is, in words.
        counts: Of answers, with what is right among them, the counts ``[n, k]``.
        ratio: Of their sums ``[…, k]``, the scores ``[…]``; nan where there is none.
        share: Whether it is the share of right answers.
    """

    name: str
    title: str
    meaning: str
    counts: Callable[[Sequence[Pair], Sequence[bool]], Counts]
    ratio: Callable[[Counts], Ratios]
    share: bool = False


@dataclass(frozen=True)
class Metric:
    """A way to judge answers. The first of its scores is the share of right ones.

    Attributes:
        name: As ``--metric`` takes it.
        right: Whether one answer is right.
        scores: The figures of many.
    """

    name: str
    right: Callable[[Pair], bool]
    scores: tuple[Score, ...]


def exact_match(answer: str, expected: str) -> bool:
    """Whether both are the same text, white space at the ends aside."""
    return answer.strip() == expected.strip()


def metric_for(
    name: MetricName,
    expected: Sequence[str],
    pattern: str | None = None,
    whole: Sequence[str] = (),
) -> Metric:
    """The metric of that name, or for ``auto`` the one that fits what is expected.

    Args:
        name: Which one.
        expected: The expected answers.
        whole: Those of the whole file, where ``expected`` is a part of it: a few questions do not
            show that labels come again.
        pattern: The regular expression of ``regex``; with ``auto`` it chooses that one.

    Raises:
        InputError: No expected answer is of the kind that the metric compares.
    """
    if name == "auto":
        name = "regex" if pattern is not None else _fitting(expected, whole)
    if name == "json" and not any(json_fields(one) is not None for one in expected):
        raise InputError("--metric json: no expected answer is a JSON object or array")
    if name == "number" and not any(number_in(one, _MARK in one) is not None for one in expected):
        raise InputError(f"--metric number: no expected answer holds a number (after {_MARK})")
    if name == "regex":
        assert pattern is not None  # the options say so
        return _regex(pattern)
    return _BY_NAME[name]


def _fitting(expected: Sequence[str], whole: Sequence[str]) -> MetricName:
    if expected and all(json_fields(one) is not None for one in expected):
        return "json"
    if expected and all(_MARK in one and number_in(one, True) is not None for one in expected):
        return "number"
    return "label" if _are_labels(expected) or _are_labels(whole) else "exact"


def _are_labels(expected: Sequence[str]) -> bool:
    """Short answers of few kinds: each stands twice or more on average."""
    kinds = set(map(label_of, expected))
    return (
        len(expected) >= FEWEST_QUESTIONS
        and 2 <= len(kinds) <= len(expected) / 2
        and all(len(one.split()) <= MOST_WORDS and "\n" not in one.strip() for one in expected)
    )


def label_of(text: str) -> str:
    """A text as a label: case, quotes, a full stop and white space at the ends aside."""
    return text.strip().strip(_AROUND).rstrip(f". {_AROUND}").casefold()


def number_in(text: str, marked: bool) -> Decimal | None:
    """The first number behind the last ``####``; where none is ``marked``, the last number."""
    if not marked:
        found = _numbers(text)
        return found[-1] if found else None
    _, mark, behind = text.rpartition(_MARK)
    found = _numbers(behind) if mark else []
    return found[0] if found else None


def _numbers(text: str) -> list[Decimal]:
    return [Decimal(one.replace(",", "")) for one in _NUMBER.findall(text)]


def _same_number(pair: Pair) -> bool:
    marked = _MARK in pair.expected
    wanted = number_in(pair.expected, marked)
    if wanted is None:
        return pair.same
    return number_in(pair.answer, marked) == wanted


def _same_json(pair: Pair) -> bool:
    return pair.same or same_json(pair.answer, pair.expected)


def _same_label(pair: Pair) -> bool:
    return label_of(pair.answer) == label_of(pair.expected)


def _contained(pair: Pair) -> bool:
    """The expected words stand in the answer as whole words, case and spacing aside."""
    wanted = r"\s+".join(map(re.escape, pair.expected.split()))
    if not wanted:
        return pair.same
    return re.search(rf"(?<!\w){wanted}(?!\w)", pair.answer, re.IGNORECASE) is not None


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    """What the last match says: its first group, or all of it where it has none."""
    last = None
    for match in pattern.finditer(text):
        last = match
    return None if last is None else (last[1 if pattern.groups else 0] or "").strip()


def _regex(pattern: str) -> Metric:
    compiled = re.compile(pattern)

    def right(pair: Pair) -> bool:
        wanted = _found(compiled, pair.expected)
        found = _found(compiled, pair.answer)
        return found is not None and found == (pair.expected.strip() if wanted is None else wanted)

    meaning = f"answers in which {pattern} finds what it finds in the expected one"
    return Metric("regex", right, (_share("regex", "regex", meaning),))


def _share(name: str, title: str, meaning: str) -> Score:
    def counts(pairs: Sequence[Pair], right: Sequence[bool]) -> Counts:
        return np.array([[flag, 1] for flag in right], dtype=np.float64).reshape(-1, 2)

    return Score(name, title, meaning, counts, _quotient, share=True)


def _quotient(sums: Counts) -> Ratios:
    return _divided(sums[..., 0], sums[..., 1])


def _divided(part: Counts, whole: Counts) -> Ratios:
    """``part / whole``; nan where that is 0."""
    quotient = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    return np.divide(part, whole, out=quotient, where=whole > 0)


def _field_counts(pairs: Sequence[Pair], right: Sequence[bool]) -> Counts:
    found = [count_fields([(pair.answer, pair.expected)]) for pair in pairs]
    rows = [[2 * one.right, one.answered + one.expected, one.expected] for one in found]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _field_f1(sums: Counts) -> Ratios:
    f1 = _quotient(sums)
    return np.where(sums[..., 2] > 0, f1, np.nan)


def _label_counts(pairs: Sequence[Pair], right: Sequence[bool]) -> Counts:
    """For each label that is expected anywhere: true, false and missed, ``[n, 3·labels]``."""
    wanted = [label_of(pair.expected) for pair in pairs]
    place = {label: i for i, label in enumerate(dict.fromkeys(wanted))}
    counts = np.zeros((len(pairs), 3, len(place)))
    for row, (pair, label) in enumerate(zip(pairs, wanted, strict=True)):
        answered = label_of(pair.answer)
        if answered == label:
            counts[row, 0, place[label]] = 1
            continue
        counts[row, 2, place[label]] = 1
        if answered in place:
            counts[row, 1, place[answered]] = 1
    return counts.reshape(len(pairs), -1)


def _macro_f1(sums: Counts) -> Ratios:
    """The mean F1 of the labels that are expected in the sample."""
    true, false, missed = np.split(sums, 3, axis=-1)
    expected = true + missed > 0
    f1 = _divided(2 * true, 2 * true + false + missed)
    total = np.where(expected, f1, 0).sum(axis=-1, where=expected)
    return _divided(total, expected.sum(axis=-1).astype(np.float64))


EXACT = _share("exact", "exact", "answers that are the expected text, white space aside")
EXACT_MATCH = Metric("exact", lambda pair: pair.same, (EXACT,))
"""The same text, white space at the ends aside; tool calls of the same names and arguments."""

FIELD_F1 = Score(
    "field_f1",
    "field F1",
    "fields of JSON answers that are right: harmonic mean of precision and recall",
    _field_counts,
    _field_f1,
)
_JSON = _share("json", "same JSON", "answers that are the expected JSON, whatever its spacing")
_ACCURACY = _share("accuracy", "accuracy", "answers that are the expected label, case aside")
_MACRO_F1 = Score(
    "macro_f1",
    "macro F1",
    "F1 of each expected label, all labels counting the same",
    _label_counts,
    _macro_f1,
)
_SAME_NUMBER = _share(
    "number", "number", f"answers with the expected number (behind {_MARK}, where one is expected)"
)
_CONTAINS = _share("contains", "contains", "answers in which the expected words stand, case aside")

_BY_NAME: dict[str, Metric] = {
    one.name: one
    for one in (
        EXACT_MATCH,
        Metric("json", _same_json, (_JSON, FIELD_F1)),
        Metric("label", _same_label, (_ACCURACY, _MACRO_F1)),
        Metric("number", _same_number, (_SAME_NUMBER,)),
        Metric("contains", _contained, (_CONTAINS,)),
    )
}

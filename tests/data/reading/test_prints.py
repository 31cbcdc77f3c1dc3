"""Same records are found, whatever their lines look like."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.reading.prints import Prints, shared
from shadow_mlx.data.reading.schema import Record, parse


def prints_of(texts: list[str]) -> Prints:
    prints = Prints()
    for line, text in enumerate(texts, 1):
        prints.add(Record("text", line, text=text))
    return prints


@settings(max_examples=80)
@given(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef")))
def test_repeats_and_shared_ones_are_counted(here: list[str], there: list[str]) -> None:
    mine, theirs = prints_of(here), prints_of(there)
    repeats = mine.repeats()
    assert repeats.examples == len(here) - len(set(here))
    if repeats.examples:
        assert here[repeats.line - 1] == here[repeats.earlier - 1]
        assert repeats.line - 1 == next(i for i, x in enumerate(here) if x in here[:i])
        assert repeats.earlier - 1 == here.index(here[repeats.line - 1])
    assert shared(mine.values, theirs.values) == sum(text in there for text in here)


def test_what_is_trained_counts_and_not_how_it_is_written() -> None:
    lines = [
        b'{"prompt": "a", "completion": "b"}',
        b'{"completion":"b", "prompt":"a", "id": 7}',
        b'{"prompt": "a", "completion": "c"}',
        b'{"prompt": "a", "completion": "b", "system": "x"}',
        b'{"prompt": "a", "completion": "b", "tools": [{"name": "f"}]}',
        b'{"prompt": "a", "completion": "b", "chat_template_kwargs": {"x": 1}}',
    ]
    prints = Prints()
    for number, line in enumerate(lines, 3):
        prints.add(parse(line, number))
    assert len(np.unique(prints.values)) == 5
    assert prints.repeats() == (1, 4, 3)

"""The labels of a data set: names in its card, and all that occur in its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.label_files import labels_of
from shadow_mlx.data.reading.labels import MOST_LISTED, UNNAMED
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines

Write = Callable[..., Path]
LISTING = ColumnConfig(list_labels=True)
CARD = """---
license: mit
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': negative
          '1': positive
---
# Reviews
"""


def test_the_card_of_a_data_set_names_its_numbers(write_lines: Write, tmp_path: Path) -> None:
    path = write_lines([{"text": "a", "label": 1}, {"text": "b", "label": 0}])
    assert labels_of(path, ColumnConfig()) == UNNAMED
    (tmp_path / "README.md").write_text(CARD)
    assert [record.labels for record in JsonLines(path)] == [("positive",), ("negative",)]
    assert labels_of(path, ColumnConfig(label_feature="other")) == UNNAMED


def test_the_card_stands_above_the_folder_data(write_lines: Write, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    deeper = write_lines([{"text": "a", "label": 1}], "data/train.jsonl")
    assert labels_of(deeper, ColumnConfig()).names == ("negative", "positive")
    elsewhere = write_lines([{"text": "a", "label": 1}], "other/train.jsonl")
    assert labels_of(elsewhere, ColumnConfig()) == UNNAMED


def test_a_card_may_list_names_and_configurations(write_lines: Write, tmp_path: Path) -> None:
    path = write_lines([{"text": "a", "label": 1}])

    def names(*configurations: str) -> tuple[str, ...]:
        parts = [
            f"- config_name: c{i}\n  features:\n  - name: label\n    dtype:\n"
            f"      class_label:\n        names: {one}\n"
            for i, one in enumerate(configurations)
        ]
        head = "dataset_info:\n" + "".join(parts)
        (tmp_path / "README.md").write_text(f"---\n{head}---\ntext\n")
        return labels_of(path, ColumnConfig()).names

    assert names("[no, 5]") == ("no", "5")
    assert names("['no', 'yes']", "['no', 'yes']") == ("no", "yes")
    assert names("['no', 'yes']", "['a', 'b']") == ()  # which is meant is not known


@pytest.mark.parametrize(
    "card",
    [
        "no head\nclass_label",
        "---\nclass_label: [\n---\n",
        "---\ndataset_info: class_label\n---\n",
        "---\na: &x [class_label]\nb: *x\n---\n",
        CARD.replace("'1'", "'7'"),
        CARD.replace("          '0': negative\n          '1': positive\n", "          3\n"),
    ],
)
def test_a_card_that_names_nothing(card: str, write_lines: Write, tmp_path: Path) -> None:
    path = write_lines([{"text": "a", "label": 1}])
    (tmp_path / "README.md").write_text(card)
    assert labels_of(path, ColumnConfig()) == UNNAMED


def test_every_file_of_a_data_set_lists_the_same_labels(write_lines: Write) -> None:
    train = write_lines([{"text": "a", "label": "z"}, {"text": "b", "label": 5}], "train.jsonl")
    test = write_lines([{"text": "c", "label": "k"}, {"text": "no label"}], "test.jsonl")
    alone = write_lines([{"text": "d", "label": "q"}], "mine.jsonl")
    listed = ("5", "k", "z")
    assert labels_of(train, LISTING).listed == labels_of(test, LISTING).listed == listed
    assert labels_of(alone, LISTING).listed == ("q",)
    assert (
        JsonLines(train, LISTING)[0]
        .messages[0]["content"]
        .startswith("Answer with the label of this text, one of: 5, k, z.\n\na")
    )


def test_what_changes_on_disk_is_read_again(write_lines: Write) -> None:
    path = write_lines([{"text": "a", "label": "one"}])
    assert labels_of(path, LISTING).listed == ("one",)
    write_lines([{"text": "a", "label": "two"}, {"text": "a", "label": "three"}])
    assert labels_of(path, LISTING).listed == ("three", "two")


def test_no_labels_and_too_many_are_refused(write_lines: Write) -> None:
    with pytest.raises(InvalidDataError, match=r"no labels.*--list-labels"):
        labels_of(write_lines([{"text": "a"}]), LISTING)
    rows = [{"text": "a", "label": str(i)} for i in range(MOST_LISTED + 1)]
    assert len(labels_of(write_lines(rows[1:]), LISTING).listed) == MOST_LISTED
    with pytest.raises(InvalidDataError, match="21 labels; expected at most 20"):
        labels_of(write_lines(rows), LISTING)

"""Files made on the data page: tables, documents and arrays converted; lines split and sampled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    WIDE,
    press,
    sees,
    shown,
    text,
    told,
    until,
)
from tui.app import ShadowApp
from tui.screens.train import TrainScreen

TABLE = "id,asked,replied\n" + "".join(f"{i},what {i}?,it {i}\n" for i in range(12))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def opened(pilot: Any, name: str) -> None:
    """The data page, and a file typed into its field."""
    await press(pilot, "3")
    await press(pilot, "slash")
    pilot.app.screen.query_one("#find").value = f"./{name}"
    await press(pilot, "enter")


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_table_becomes_lines_and_goes_to_the_form(
    own_place: Path, size: tuple[int, int]
) -> None:
    (own_place / "orders.csv").write_text(TABLE)
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, size) as pilot:
        await opened(pilot, "orders.csv")
        await sees(pilot, "orders.csv is a CSV table", "First row: no names (h)")
        assert "Label (l)" in text(pilot)
        assert "Use this (enter)" in text(pilot)
        await press(pilot, "down", "p", "down", "c", "enter")
        await sees(pilot, "12 records checked", "prompt: what 0? completion: it 0")
        await sees(pilot, "made of orders.csv (convert: completion-feature", "left out: 'id'")
        assert "orders.jsonl is written, beside orders.csv" in told(pilot)
        assert lines(own_place / "orders.jsonl")[1] == {"prompt": "what 1?", "completion": "it 1"}
        await press(pilot, "t")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await sees(pilot, "orders.jsonl", "11 examples to learn from")
    again = ShadowApp(FAKE_WORKER)
    async with shown(again, size) as pilot:
        await opened(pilot, "orders.csv")  # the choice is remembered
        await sees(pilot, "[completion] replied")


async def test_the_first_row_may_be_an_example(own_place: Path) -> None:
    (own_place / "bare.csv").write_text("good,1\nbad,0\nfine,1\n")
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot, "bare.csv")
        await sees(pilot, "First row: no names (h)", "Choose what the columns hold.")
        await press(pilot, "h")
        await sees(pilot, "First row: names (h)", "column1")
        await press(pilot, "l", "l", "t", "down", "l", "enter")
        await sees(pilot, "3 records checked")
        assert lines(own_place / "bare.jsonl")[0] == {"text": "good", "label": "1"}


async def test_a_parquet_table_and_an_array(own_place: Path) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    pq.write_table(pa.Table.from_pylist([{"conversation": chat}] * 3), own_place / "t.parquet")
    (own_place / "list.json").write_text(json.dumps([{"messages": chat}] * 4))
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot, "t.parquet")
        await sees(pilot, "[chat] conversation")
        assert "(h)" not in text(pilot)
        await press(pilot, "h", "enter")  # no question of a header
        await sees(pilot, "3 records checked")
        await opened(pilot, "list.json")
        await sees(pilot, "list.json is a JSON array", "[chat] messages")
        await press(pilot, "enter")
        await sees(pilot, "4 records checked")


async def test_a_document_is_asked_for_and_cut(own_place: Path) -> None:
    (own_place / "book.md").write_text("# One\n\nText.\n\n" * 400)
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await opened(pilot, "book.md")
        await sees(pilot, "book.md is a Markdown document", "at most 4,000 characters")
        await press(pilot, "enter")  # the safe answer has the focus
        assert not (own_place / "book.jsonl").exists()
        await opened(pilot, "book.md")
        await sees(pilot, "Convert (c)")
        await press(pilot, "c")
        await sees(pilot, "text: # One", "3 records checked")


async def test_bad_rows_other_encodings_and_names_that_are_taken(own_place: Path) -> None:
    (own_place / "t.csv").write_bytes("prompt,completion\nKäse,a\nb,\n".encode("cp1252"))
    (own_place / "t.jsonl").write_text("mine")
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot, "t.csv")
        await sees(pilot, "which is not UTF-8", "Read as Windows text (w)")
        await press(pilot, "w")
        await sees(pilot, "[prompt] prompt")
        await press(pilot, "enter")
        await sees(pilot, "t.jsonl: is there already", "t-2.jsonl")
        await press(pilot, "enter")
        await sees(pilot, "found 'completion' is empty", "Leave them out (l)")
        await press(pilot, "l")
        await sees(pilot, "1 record checked")
        assert lines(own_place / "t-2.jsonl") == [{"prompt": "Käse", "completion": "a"}]
        assert (own_place / "t.jsonl").read_text() == "mine"


async def test_what_cannot_be_mended_is_told(own_place: Path) -> None:
    (own_place / "t.csv").write_bytes(b"a,b\n\x00\n")
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await opened(pilot, "t.csv")
        await until(pilot, lambda: "zero bytes" in told(pilot))


async def test_a_file_is_split_sampled_and_shuffled(own_place: Path) -> None:
    rows = [json.dumps({"question": f"q{i}", "answer": "a"}) for i in range(30)]
    (own_place / "all.jsonl").write_text("\n".join(rows))
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "3", "escape", "s")
        assert "Open a file first" in told(pilot)
        await opened(pilot, "all.jsonl")
        await sees(pilot, "[prompt] question")
        await press(pilot, "enter")
        await sees(pilot, "30 records checked")
        await press(pilot, "s")
        await sees(pilot, "Split 80:10:10 (s)", "Some examples (n)", "Shuffle (u)")
        await press(pilot, "s")
        await sees(pilot, "all-split/train.jsonl", "24 records checked")  # by the same columns
        await press(pilot, "a")
        await sees(pilot, "3 records checked", "made of all.jsonl (split: ")
        await opened(pilot, "all.jsonl")
        await sees(pilot, "30 records checked")
        await press(pilot, "s", "n")
        await sees(pilot, "How many examples of all.jsonl?")
        await press(pilot, "x", "enter")
        await until(pilot, lambda: "expected a number of examples" in told(pilot))
        await press(pilot, "s", "n", *["backspace"] * 3, "7", "enter")
        await sees(pilot, "all-sample-7.jsonl", "7 records checked")
        await opened(pilot, "all.jsonl")
        await sees(pilot, "30 records checked")
        await press(pilot, "s", "u")
        await sees(pilot, "all-shuffled.jsonl", "30 records checked")
    made = (own_place / "all-shuffled.jsonl").read_text().splitlines()
    assert sorted(made) == sorted(rows)


async def test_what_files_share_stands_above_the_records(own_place: Path) -> None:
    for name, numbers in {"train": range(9), "test": range(8, 10)}.items():
        rows = [json.dumps({"text": str(i)}) for i in numbers]
        (own_place / f"{name}.jsonl").write_text("\n".join(rows))
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await press(pilot, "3")
        pilot.app.screen.open(str(own_place))
        await sees(pilot, "! 1 example of test.jsonl is in train.jsonl, too")
        await press(pilot, "a")
        await sees(pilot, "2 records checked", "! 1 example of test.jsonl is in train.jsonl, too")

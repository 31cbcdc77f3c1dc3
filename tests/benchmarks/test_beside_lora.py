"""What is trained beside LoRA, and how the table is reckoned."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.beside_lora import CASES, VALIDATED, Case, examples, line
from benchmarks.processes import Cost
from benchmarks.real import Finished
from benchmarks.real_row import Outcome, Row
from shadow_mlx.config import TrainConfig


def test_joined_examples_are_one_conversation_and_few_are_validated(tmp_path: Path) -> None:
    data = tmp_path / "gsm8k"
    data.mkdir()
    turns = [
        [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i}"}]
        for i in range(40)
    ]
    for split in ("train", "valid", "test"):
        text = "".join(json.dumps({"messages": turn}) + "\n" for turn in turns)
        (data / f"{split}.jsonl").write_text(text)
    folder = examples(Case("gsm8k", joined=4), tmp_path, tmp_path / "place")
    kept = {one.stem: one.read_text().splitlines() for one in folder.iterdir()}
    assert {split: len(lines) for split, lines in kept.items()} == {
        "train": 10, "valid": VALIDATED, "test": 1,
    }  # fmt: skip
    first = json.loads(kept["train"][0])["messages"]
    assert [turn["content"] for turn in first] == ["q0\nq1\nq2\nq3", "a0\na1\na2\na3"]


def test_every_case_has_options_that_a_run_takes() -> None:
    for case in CASES.values():
        row = Row.parse(f"update{case.options}", case.task, 0, "sprout", "data", 8, 0)
        TrainConfig.from_mapping(row.options, where=case.task)


def test_a_line_has_the_medians_of_the_rounds() -> None:
    def finished(speed: float, arrays: int, process: int) -> Finished:
        row = Row.parse("update", "snips", 0, "m", "d", 8, 0)
        return Finished(row, Outcome(1, [[8, 1.0]], None, speed, arrays), Cost(1.0, process))

    slow, quick = (9.0, 10**9, 12 * 10**8), (20.0, 10**9, 12 * 10**8)
    lora = (8.0, 2 * 10**9, 3 * 10**9)
    rounds = [(finished(*ours), finished(*lora)) for ours in (slow, quick, quick)]
    cells = (
        "SNIPS",
        "20.0 and 8.0: 2.50 ×",
        "1.00 and 2.00 GB: 0.50 ×",
        "1.20 and 3.00 GB: 0.40 ×",
    )
    assert line("SNIPS", rounds) == f"| {' | '.join(cells)} | 1.20 |"

"""The study's rows build upon earlier ones, and its table reckons what is kept."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from benchmarks.processes import Cost
from benchmarks.real import Finished
from benchmarks.real_row import RESULT, ROW, Outcome, Row, main
from benchmarks.study import ATTACHED, kept, methods
from shadow_mlx.config import TrainConfig

KNOWN = methods(more=24, width=24, layers=2)


def test_every_row_comes_behind_those_that_it_builds_upon() -> None:
    order = list(KNOWN)
    for place, method in enumerate(order):
        for name in re.findall(r"@([^,]+)", method):
            assert name.replace("+", ",") in order[:place], method


def test_every_row_has_options_that_a_run_takes() -> None:
    for method in KNOWN:
        row = Row.parse(method, "snips", 0, "sprout", "data", 8, 0)
        if row.kind not in ("lora", "dora"):
            objective = {"objective": "pretrain"} if row.kind == "alone" else {}
            TrainConfig.from_mapping({**objective, **row.options}, where=method)


def test_what_is_kept_is_reckoned_from_the_attached_model_of_the_defaults() -> None:
    def finished(method: str, partial: float | None, detached: float | None) -> Finished:
        row = Row.parse(method, "snips", 0, "m", "d", 8, 3)
        scores = {"partial": partial, "detached_partial": detached}
        return Finished(row, Outcome(1, [[8, 1.0]], None, 1.0, 1, **scores), Cost(1.0, 1))

    lines = kept(
        [
            finished(ATTACHED, 0.8, 0.2),
            finished("alone,iters=24", None, 0.6),
            finished("x", 0.9, None),
        ],
        KNOWN,
    ).splitlines()[2:]
    assert lines == [
        "| snips | the defaults | 80.0% | 20.0% | 25.0% |",
        "| snips | alone: the default network, on the data | – | 60.0% | 75.0% |",
        "| snips | x | 90.0% | – | – |",
    ]


def test_a_task_begins_with_the_shadow_of_an_earlier_row(
    tmp_path: Path, tiny_backbone: Path
) -> None:
    data = tmp_path / "snips"
    data.mkdir()
    for split in ("train", "valid", "test"):
        turns = [{"role": "user", "content": "say a"}, {"role": "assistant", "content": "a"}]
        (data / f"{split}.jsonl").write_text((json.dumps({"messages": turns}) + "\n") * 12)
    pretrained = next(m for m in KNOWN if "teacher=base" in m)
    begun = next(m for m in reversed(KNOWN) if m.startswith("update,shadow=@"))
    for method in (pretrained, begun):
        row = Row.parse(method, "snips", 0, str(tiny_backbone), str(data), 24, 2)
        folder = tmp_path / row.name
        folder.mkdir()
        (folder / ROW).write_text(json.dumps(asdict(row)))
        main(folder)
    found = Outcome(**json.loads((folder / RESULT).read_text()))
    assert found.detached_exact == 1.0
    assert found.shadow_loss is not None

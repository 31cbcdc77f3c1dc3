"""What the UI asks of files that are made: a look, a conversion, parts, and what sets share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import making, reading
from shadow_mlx.worker import messages as m


def replies(request: m.Request) -> tuple[list[m.Reply], m.Reply]:
    sent: list[m.Reply] = []
    *_, last = making.serve(request, sent.append, StopToken())
    return sent, last


def test_a_table_is_looked_at_and_converted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("question,answer\n" + f"{'what? ' * 100},it\n" * 600)
    _, page = replies(m.LookAt(1, str(path)))
    assert isinstance(page, m.Page)
    assert page.columns == [("question", ("what? " * 100)[:200]), ("answer", "it")]
    assert page.suggested == {"prompt_feature": "question", "completion_feature": "answer"}
    told, done = replies(m.Make(2, "convert", str(path), page.suggested))
    assert done == m.Done(2, str(tmp_path / "t.jsonl"))
    shares = [reply.done for reply in told if isinstance(reply, m.Progress)]
    assert shares == sorted(shares)
    assert len(shares) == 2
    assert isinstance(m.decode(m.encode(page)), m.Page)


@pytest.mark.parametrize(
    ("action", "made"), [("split", "t-split"), ("sample", "t-sample-5.jsonl"), ("shuffle", "t-s")]
)
def test_parts_are_made(tmp_path: Path, action: str, made: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"text": str(i)}) + "\n" for i in range(20)))
    options = {"seed": 3} | ({"examples": 5} if action == "sample" else {})
    _, done = replies(m.Make(1, action, str(path), options))
    assert isinstance(done, m.Done)
    assert done.text.startswith(str(tmp_path / made))
    assert Path(done.text).exists()
    with pytest.raises(InputError, match="unknown option"):
        replies(m.Make(1, action, str(path), {"colour": 1}))


def test_what_files_of_a_set_share_is_told_with_each_of_them(tmp_path: Path) -> None:
    for name, numbers in {"train": range(9), "valid": range(7, 12)}.items():
        lines = [json.dumps({"text": str(i)}) for i in numbers]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    files = [str(tmp_path / f"{name}.jsonl") for name in ("train", "valid")]
    for path in files:
        *_, last = reading.serve(m.Check(1, path, {}, files), lambda _: None, StopToken())
        assert isinstance(last, m.Checked)
        assert last.finished
        assert last.notes == ["2 examples of valid.jsonl are in train.jsonl, too"]
    Path(files[1]).write_text("{")  # another one now, and none of examples
    *_, last = reading.serve(m.Check(1, files[0], {}, files), lambda _: None, StopToken())
    assert isinstance(last, m.Checked)
    assert last.notes == []
    missing = [*files, str(tmp_path / "test.jsonl")]
    *_, last = reading.serve(m.Check(1, files[0], {}, missing), lambda _: None, StopToken())
    assert isinstance(last, m.Checked)
    assert last.finished


def test_a_file_of_ours_says_where_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,id\na,1\nb,2\n")
    replies(m.Make(1, "convert", str(path)))
    made = tmp_path / "t.jsonl"
    *_, last = reading.serve(m.Check(1, str(made)), lambda _: None, StopToken())
    assert isinstance(last, m.Checked)
    assert last.notes == ["made of t.csv (convert)", "column that is left out: 'id'"]
    made.write_text('{"text": "c"}\n')
    *_, last = reading.serve(m.Check(1, str(made)), lambda _: None, StopToken())
    assert isinstance(last, m.Checked)
    assert last.notes[0] == "made of t.csv (convert), and changed since"

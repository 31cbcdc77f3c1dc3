"""JSON arrays, element by element, and every way in which they are broken."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.converting import arrays
from shadow_mlx.data.converting.rows import Row
from tests.data.converting.sources import converted, refusal, written

CHATS: list[Any] = [
    {"messages": [{"role": "user", "content": f"q\n{i} ]["}, {"role": "assistant", "content": "a"}]}
    for i in range(3)
]


@pytest.mark.parametrize("indent", [None, 0, 4])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_array_becomes_lines(tmp_path: Path, indent: int | None, encoding: str) -> None:
    text = "\n " + json.dumps(CHATS, indent=indent) + "\n\n"
    assert converted(written(tmp_path / "a.json", text.encode(encoding))) == CHATS


def test_the_source_may_be_called_as_the_output_would_be(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json.dumps(CHATS))
    assert converted(path) == CHATS
    assert json.loads(path.read_text()) == CHATS
    assert (tmp_path / "a-lines.jsonl").is_file()


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ('[{"text": "a"},\n{"text": "b"', 2, "broken JSON (Expecting ',' delimiter)"),
        ('[{"text": "a"},\n{"text": "b"}', 2, "the end of the file; expected a ']' there"),
        ('[{"text": "a"}\n{"text": "b"}]', 2, "'{'; expected a ']' there"),
        ('[{"text": "a"},\n]', 2, "broken JSON (Expecting value) in element 2"),
        ('[\n{"text": "a"}]\n[]', 3, "more behind the end of the array"),
        ('[\n{"text": "a\n"}]', 2, "broken JSON (Invalid control character)"),
        ('[{"text": "a"},\n' + "[" * 100_000, 2, "element 2, nested too deeply"),
        ('[{"text": "a"},\n1' + "0" * 9999 + "]", 2, "element 2 with a number of thousands of di"),
    ],
)
def test_what_breaks_off_is_told_with_its_line(
    tmp_path: Path, content: str, line: int, found: str
) -> None:
    path = written(tmp_path / "a.json", content)
    said = refusal(path)
    assert said.startswith(f"{path}:{line}: found {found}")
    assert "\n" not in said


def test_an_element_without_end_is_not_read_to_the_end_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.json", '[{"text": "a"},\n{"text": "' + "x" * 400_000 + '"}]')
    monkeypatch.setattr(arrays, "MAX_LINE", 100_000)
    text = f"{path}:2: found element 2, of over 0 MB"
    assert refusal(path).startswith(text)


def test_elements_that_are_no_examples_are_told_together(tmp_path: Path) -> None:
    odd = '[{"text": "a"},\n3,\n"x",\n{"text": 1, "text": 2},\n{"text": NaN},\n{"text": ""}, null]'
    path = written(tmp_path / "a.json", odd)
    assert refusal(path).splitlines() == [
        f"{path}:2: found element 2: the number 3; expected an object",
        f"{path}:3: found element 3: 'x'; expected an object",
        f"{path}:4: found element 4 with the key 'text' twice in one object, with different "
        "values; expected each key once",
        f"{path}:5: found element 5 with NaN, which JSON does not have; expected a number, text "
        "or null",
        f"{path}:6: found 'text' is empty; expected text",
        f"{path}:6: found element 7: null; expected an object",
        "--skip-bad-rows leaves these 6 rows out; 1 can be used",
    ]
    assert converted(path, skip_bad_rows=True) == [{"text": "a"}]
    assert "no rows" in refusal(written(tmp_path / "empty.json", "[\n]"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('ab"\\é😀[]{},\n\x00', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab[]{},", max_size=3), inner)
    ),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.lists(st.dictionaries(st.text("ab", min_size=1), JSON), max_size=6), st.data())
def test_any_array_survives_the_trip(objects: list[dict[str, Any]], data: st.DataObject) -> None:
    """Wherever the file is cut into what is read at once."""
    text = json.dumps(
        objects,
        indent=data.draw(st.sampled_from([None, 0, 2])),
        ensure_ascii=data.draw(st.booleans()),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(arrays, "CHUNK", data.draw(st.integers(1, 40)))
        path = written(Path(folder) / "a.json", text)
        rows = list(arrays.JsonArray(path))
    assert [one.values for one in rows if isinstance(one, Row)] == objects
    assert [one.number for one in rows if isinstance(one, Row)] == [*range(1, len(objects) + 1)]
    if objects and "\n" not in text:
        assert {one.line for one in rows} == {1}

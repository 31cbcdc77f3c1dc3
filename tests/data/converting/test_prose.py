"""Documents as pieces: nothing is lost, none is too long, headings stay with what follows."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.data.converting.prose import paragraphs, pieces
from tests.data.converting.sources import converted, refusal, written

BOOK = """\
# One

First paragraph
of two lines.

```python
# no heading

code
```

## Two
Second.
"""


def cut(text: str, longest: int, *, markdown: bool = True) -> list[str]:
    found = paragraphs(text.splitlines(keepends=True), markdown=markdown)
    return [piece for piece, _ in pieces(found, longest)]


def test_paragraphs_headings_and_code() -> None:
    found = list(paragraphs(BOOK.splitlines(keepends=True), markdown=True))
    assert [(one.text, one.line, one.heading) for one in found] == [
        ("# One", 1, True),
        ("First paragraph\nof two lines.", 3, False),
        ("```python\n# no heading\n\ncode\n```", 6, False),
        ("## Two", 12, True),
        ("Second.", 13, False),
    ]
    plain = [one.text for one in paragraphs(BOOK.splitlines(), markdown=False)]
    assert plain[2:4] == ["```python\n# no heading", "code\n```"]


def test_paragraphs_stand_together_while_they_fit() -> None:
    assert cut(BOOK, 1000) == [BOOK.strip().replace("## Two\n", "## Two\n\n")]
    text = "\n\n".join(f"paragraph {i}" for i in range(6))
    assert cut(text, 24) == [f"paragraph {i}\n\nparagraph {i + 1}" for i in (0, 2, 4)]


def test_a_heading_begins_a_piece_and_never_ends_one() -> None:
    text = "# A\n\n" + "a" * 60 + "\n\n# B\n\n" + "b" * 30
    assert cut(text, 120) == ["# A\n\n" + "a" * 60, "# B\n\n" + "b" * 30]
    text = "a" * 10 + "\n\n# B\n\n" + "b" * 90
    assert cut(text, 100) == ["a" * 10, "# B\n\n" + "b" * 90]


def test_a_long_paragraph_is_cut_at_sentences_lines_words() -> None:
    text = "One sentence here. Another one there! " * 3
    assert cut(text, 45) == ["One sentence here. Another one there!"] * 3
    assert cut("word " * 20, 24) == ["word word word word word"[:24].strip()] * 4
    assert cut("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_documents_become_texts(tmp_path: Path) -> None:
    path = written(tmp_path / "book.md", "\ufeff" + BOOK * 20)
    made = converted(path, max_characters=200)
    assert all(list(one) == ["text"] and len(one["text"]) <= 200 for one in made)
    assert " ".join(one["text"] for one in made).split() == (BOOK * 20).split()
    latin = written(tmp_path / "notes.txt", "Käse\n\nBrot".encode("cp1252"))
    assert f"{latin}:1: found the byte 0xe4" in refusal(latin)
    assert converted(latin, encoding="cp1252") == [{"text": "Käse\n\nBrot"}]
    assert "no rows" in refusal(written(tmp_path / "blank.txt", "\n \n\t\n"))


PIECES = st.sampled_from(
    [
        "a",
        "word",
        "long" * 9,
        ". ",
        "! ",
        " ",
        "\n",
        "\n\n",
        "# H\n",
        "```\n",
        "~~~\n",
        "é ",
        "    x",
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join), st.integers(5, 80), st.booleans())
def test_nothing_is_lost_and_nothing_is_too_long(text: str, longest: int, markdown: bool) -> None:
    found = list(pieces(paragraphs(text.splitlines(keepends=True), markdown=markdown), longest))
    assert "".join("".join(piece.split()) for piece, _ in found) == "".join(text.split())
    assert all(0 < len(piece) <= longest and piece.strip() for piece, _ in found)
    lines = [line for _, line in found]
    assert lines == sorted(lines)
    whole = text.splitlines()
    for piece, line in found:
        assert whole[line - 1].strip()
        assert piece.split("\n")[0].strip()[:1] in whole[line - 1]

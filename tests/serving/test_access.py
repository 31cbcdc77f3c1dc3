from __future__ import annotations

import io

from shadow_mlx.serving.access import AccessLog, Entry
from shadow_mlx.serving.writing import Counts, Ended, Written


def entry() -> Entry:
    one = Entry("POST", "/v1/completions", 200, "m\x1b[2J")
    one.contents = "what is asked\x1b"
    one.told(Written((("words", "what is "),)))
    one.told(Ended((("words", "said"),), counts=Counts(7, 5, 3)))
    return one


def test_a_line_says_what_it_cost_and_not_what_it_was() -> None:
    out = io.StringIO()
    AccessLog(stream=out).note(entry())
    (line,) = out.getvalue().splitlines()
    assert "POST /v1/completions 200 m␛[2J 7+3 tokens (5 cached)" in line
    assert "asked" not in line


def test_contents_are_written_on_wish_and_drive_no_terminal() -> None:
    out = io.StringIO()
    AccessLog(True, out).note(entry())
    assert "what is asked" in out.getvalue()
    assert "what is said" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_what_was_not_foreseen_has_its_traceback() -> None:
    out = io.StringIO()
    try:
        raise KeyError("x")
    except KeyError as error:
        AccessLog(stream=out).failed(error)
    assert "Traceback" in out.getvalue()
    gone = Entry("GET", "/" + "x" * 1000)
    gone.gone = True
    AccessLog(stream=out).note(gone)
    assert "client gone" in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) < 300

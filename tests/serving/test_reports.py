"""What a server tells the program that started it."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from shadow_mlx.serving import reports
from shadow_mlx.serving.reports import Figures, Listening, Reporter, from_json, to_json
from tests.serving.conftest import Running, wait_for


def test_a_report_comes_back_as_it_was() -> None:
    for report in (
        Listening("http://127.0.0.1:1/v1", ("räuber", "räuber:base")),
        Figures(1.5, requests=3, running=1, memory=10**10),
    ):
        line = to_json(report)
        assert line.isascii()
        assert "\n" not in line
        assert from_json(line.encode()) == report


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "7", '{"event": "else"}', '{"event": ["figures"]}', '{"event": "figures"}',
     '{"event": "listening", "url": "x", "models": "y"}',
     '{"event": "figures", "seconds": 1, "requests": -1}'],
)  # fmt: skip
def test_what_is_none_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each kind of damage has words of its own
        from_json(line)


def test_it_counts_what_is_answered_and_says_nothing_of_it(running: Running) -> None:
    stream = io.StringIO()
    reporter = Reporter(running.server, stream)
    before = reporter.figures()
    ask = {"model": running.names[0], "prompt": "ab", "max_tokens": 5}
    assert running.post(ask, "/v1/completions").status == 200
    assert running.post({"model": "nobody"}, "/v1/completions").status >= 400
    wait_for(lambda: reporter.figures().requests == before.requests + 2)
    now = reporter.figures()
    assert now.refused == before.refused + 1
    assert now.read > before.read
    assert now.written > before.written
    assert (now.running, now.waiting, now.gone) == (0, 0, before.gone)
    assert now.memory > 0
    assert now.adapters >= 1
    first, second = map(from_json, stream.getvalue().splitlines())
    assert first == Listening(running.server.url, tuple(running.server.service.catalogue.names))
    assert isinstance(second, Figures)


def test_it_writes_now_and_then(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    reporter = Reporter(running.server, stream)
    count = len(stream.getvalue().splitlines())
    reporter.look()
    assert len(stream.getvalue().splitlines()) == count  # the last ones are fresh
    monkeypatch.setattr(reports, "REPORT_SECONDS", 0.0)
    reporter.look()
    assert json.loads(stream.getvalue().splitlines()[-1])["event"] == "figures"
    assert len(stream.getvalue().splitlines()) == count + 1


def test_nothing_heavy_is_imported_to_read_them() -> None:
    code = (
        "import sys, shadow_mlx.serving.reports, shadow_mlx.serving.keys\n"
        "assert not {'mlx', 'mlx_lm', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""A server in words."""

from __future__ import annotations

import dataclasses
import json
import shlex

import pytest

from shadow_mlx.config import API_KEY_VARIABLE, ServeConfig
from shadow_mlx.serving.reports import Figures, Listening
from tui.views import serving
from tui.views.serving import ServerView

NAMES = ("robot", "robot:detached", "robot:base")
VIEW = ServerView(
    "serving",
    ServeConfig(),
    Listening("http://127.0.0.1:8080/v1", NAMES),
    (Figures(1.0, written=10), Figures(3.0, requests=7, written=70, read=1_234, memory=23_000_000)),
)


@pytest.fixture(autouse=True)
def without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://0.0.0.0:81/v1", "http://127.0.0.1:81/v1"),
        ("http://[::]:81/v1", "http://[::1]:81/v1"),
        ("http://[fe80::1]:81/v1", "http://[fe80::1]:81/v1"),
        ("http://a.local:81/v1", "http://a.local:81/v1"),
    ],
)
def test_an_address_is_one_to_go_to(url: str, seen: str) -> None:
    view = dataclasses.replace(VIEW, listening=Listening(url, NAMES))
    assert view.url == seen
    assert seen in serving.example(view)


def test_speed_is_of_the_time_between_two_reports() -> None:
    again = dataclasses.replace(VIEW.now)
    assert serving.speeds((*VIEW.history, again)) == [30.0]
    assert serving.speeds(()) == []
    assert ("tokens", "1,234 read · 70 written · 30/s  ▁") in serving.figures(VIEW)


def test_only_what_there_was_is_told() -> None:
    titles = [title for title, _ in serving.figures(VIEW)]
    assert titles == ["requests", "answers", "tokens", "memory"]
    assert dict(serving.figures(VIEW))["requests"] == "7 answered · 0 errors"
    now = Figures(4.0, requests=1, refused=1, gone=1, cached=3, drafted=8, accepted=6, adapters=1)
    told = dict(serving.figures(dataclasses.replace(VIEW, history=(now,))))
    assert told["requests"] == "1 answered · 1 error · 1 client went away"
    assert told["tokens"] == "0 read (3 from the cache) · 0 written · 0/s"
    assert told["drafts"] == "6 of 8 tokens taken (75%)"
    assert told["memory"] == "0 MB · 1 adapter loaded"


def test_the_example_is_for_a_shell_and_asks_the_first_model() -> None:
    command, url, *rest = shlex.split(serving.example(VIEW))
    assert (command, url) == ("curl", "http://127.0.0.1:8080/v1/chat/completions")
    assert rest[:3] == ["-H", "Content-Type: application/json", "-d"]
    assert json.loads(rest[3])["model"] == "robot"
    assert serving.example(ServerView("starting", ServeConfig())) == ""


def test_a_key_is_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ServeConfig(host="0.0.0.0", api_key_file="my key")
    said = serving.example(dataclasses.replace(VIEW, options=options))
    assert """-H "Authorization: Bearer $(cat 'my key')" """ in said
    assert "Authorization" not in serving.example(VIEW)
    monkeypatch.setenv(API_KEY_VARIABLE, "very secret")
    said = serving.example(VIEW)
    assert '-H "Authorization: Bearer $SHADOW_MLX_API_KEY"' in said
    assert "very secret" not in said


def test_the_first_line_says_what_ends_it() -> None:
    busy = (Figures(75.0, running=2, waiting=1),)
    said = serving.headline(VIEW)
    assert said == "▶ serving for 0:03 · for this machine alone · x stops it"
    open_to_all = dataclasses.replace(VIEW, options=ServeConfig(host="0.0.0.0"))
    assert "other machines reach it, too" in serving.headline(open_to_all)
    ending = dataclasses.replace(VIEW, phase="ending", history=busy)
    assert "3 answers to go. x once more ends it at once" in serving.headline(ending)
    starting = ServerView("starting", ServeConfig())
    assert serving.headline(starting) == "… starting (x stops)"
    assert serving.headline(starting, "loading") == "… starting (x stops) · loading"


def test_what_ended_says_how() -> None:
    stopped = dataclasses.replace(VIEW, phase="off")
    assert serving.ended(stopped) == ("■ stopped after 3 s: 7 requests, 70 tokens written",)
    assert serving.ended(ServerView()) == ("■ stopped before it answered",)
    failed = ServerView("failed", problem="no adapter\nlook elsewhere")
    assert serving.ended(failed) == ("✘ no adapter", "look elsewhere")


def test_marks_are_shorter_and_shorter() -> None:
    busy = dataclasses.replace(VIEW, history=(Figures(1.0, running=1),))
    marks = serving.marks(busy)
    assert marks[0] == "▶ serving at 127.0.0.1:8080 · 1 answer"
    assert [*map(len, marks)] == sorted(map(len, marks), reverse=True)
    assert all(":8080" in mark for mark in marks)
    assert serving.marks(ServerView("starting"))[0] == "… the server starts"
    assert serving.marks(ServerView("ending"))[0] == "… the server ends"
    assert serving.marks(ServerView("failed")) == serving.marks(ServerView()) == ()


def test_leaving_says_what_it_ends() -> None:
    assert serving.at_work(ServerView()) == serving.at_work(ServerView("failed")) == ""
    said = serving.at_work(dataclasses.replace(VIEW, history=(Figures(1.0, waiting=2),)))
    assert said == (
        "The server at http://127.0.0.1:8080/v1 is at work, with 2 answers on the way; it ends "
        "with this program."
    )

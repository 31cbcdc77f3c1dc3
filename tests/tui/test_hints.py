"""What a page says that a key does, it does: footers, help, hints and alerts, each key pressed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Button

from shadow_mlx.runs.events import Event, RunEnded, Saved
from tests.runs.fake_run import started, story, trained, write_story
from tests.tui import snapshots
from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    WIDE,
    press,
    shown,
    text,
    told,
    until,
    words,
    write_adapter,
)
from tui.app import PAGES, ShadowApp
from tui.child import Child
from tui.pages import maker
from tui.screens.base import Page
from tui.screens.run import RunScreen
from tui.views import alerts
from tui.widgets.press_button import PressButton


def seen(pilot: Pilot[Any]) -> tuple[object, ...]:
    """All that a key can change: what is drawn, where one is, what has the focus, what is told."""
    app = pilot.app
    return text(pilot), app.current_mode, tuple(app.screen_stack), app.screen.focused, told(pilot)


def footer(pilot: Pilot[Any]) -> dict[str, str]:
    """The keys that are promised, each with its action."""
    found = {}
    for _, binding, enabled, _ in pilot.app.screen.active_bindings.values():
        if binding.show and enabled:
            found.setdefault(binding.action, binding.key)
    return {key: action for action, key in found.items()}


@pytest.mark.parametrize("name", [n for n in snapshots.SCENES if n != "help"])
async def test_each_key_of_the_footer_does_something(
    name: str, monkeypatch: pytest.MonkeyPatch, fake_train: None
) -> None:
    """One after the other, from the same page; each changes something that is seen."""
    snapshots.stage(monkeypatch)
    left: list[bool] = []  # what the screen does not show: the end, a bell, a child at work
    monkeypatch.setattr("tui.system.copy", copied)
    app = ShadowApp(FAKE_WORKER)
    ask = Child.ask
    monkeypatch.setattr(app, "exit", lambda *_, **__: left.append(True))
    monkeypatch.setattr(app, "bell", lambda: left.append(True))
    monkeypatch.setattr(Child, "ask", lambda *args: (left.append(True), ask(*args))[1])
    async with shown(app, NARROW) as pilot:
        await snapshots.SCENES[name](pilot)
        buttons = app.screen.query(Button)
        assert all(isinstance(one, PressButton) for one in buttons)  # none is deaf for a while
        page, pressed = app.screen, set[str]()
        while keys := [key for key in footer(pilot) if key not in pressed]:
            key = min(keys, key=["ctrl+q", "x", "escape"].__contains__)  # these leave: at the end
            pressed.add(key)
            app.clear_notifications()
            await pilot.pause()
            left.clear()
            before = seen(pilot)
            await press(pilot, key)
            changed = lambda before=before: left or seen(pilot) != before  # noqa: E731 - as it was
            assert await changes(pilot, changed), f"{key} does nothing"
            left.clear()
            await back_to(pilot, page)
            if app.screen is not page:
                break
        assert {"f1", "ctrl+q"} & pressed or isinstance(page, ModalScreen)
        for run in app.launched.values():
            if run.process.returncode is None:
                run.process.kill()
            await run.process.wait()


async def changes(pilot: Pilot[Any], condition: Callable[[], Any]) -> bool:
    """Whether it comes to be so, soon."""
    for _ in range(100):
        if condition():
            return True
        await pilot.pause(0.02)
    return False


async def copied(text: str) -> str:
    return "nowhere"


async def back_to(pilot: Pilot[Any], page: object) -> None:
    """Out of what a key has opened."""
    app = pilot.app
    for _ in range(3):
        if app.screen is page:
            return
        if isinstance(app.screen, ModalScreen):
            await press(pilot, "escape")
        elif isinstance(page, Page):
            app.action_go(page.NAME)  # type: ignore[attr-defined]  # of ours
        await pilot.pause()


@pytest.mark.parametrize("name", snapshots.SCENES)
async def test_the_footer_fits_and_leads_to_help_and_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.stage(monkeypatch)
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, NARROW) as pilot:
        await snapshots.SCENES[name](pilot)
        if not isinstance(app.screen, ModalScreen):
            await until(pilot, lambda: text(pilot).splitlines()[-1].endswith("^q Quit f1 Help"), 10)


def keys_in(help_text: str) -> set[str]:
    """What a help names in ``backticks`` and is a key, in the names that bindings have."""
    names = {
        "/": "slash", "[": "left_square_bracket", "]": "right_square_bracket",
        "<": "less_than_sign", ">": "greater_than_sign", "+": "plus", "-": "minus",
    }  # fmt: skip
    found = set()
    for token in re.findall(r"`([^`]+)`", help_text):
        if re.fullmatch(
            r"(Ctrl\+)?[A-Za-z0-9]|F\d+|Enter|Escape|Tab|[/\[\]<>+-]|left|right", token
        ):
            one = token if len(token) == 1 else token.lower()
            found.add(names.get(one, one))
    return found


async def test_each_key_that_help_names_is_bound(adapter: Path) -> None:
    write_story(adapter, story())
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        app.show_run(adapter)
        await until(pilot, lambda: "★" in words(pilot))
        for name in (*PAGES, "run"):
            app.action_go(name)
            await pilot.pause()
            nodes = [app, app.screen, *app.screen.query("*")]
            bound = {"enter", "tab", "escape", app.COMMAND_PALETTE_BINDING}
            for kind in {kind for node in nodes for kind in type(node).__mro__}:
                for one in vars(kind).get("BINDINGS", ()):
                    bound |= set((one.key if isinstance(one, Binding) else one[0]).split(","))
            bound |= {"?" if key == "question_mark" else key for key in bound}
            for node in nodes:
                if missing := keys_in(inspect.cleandoc(getattr(node, "HELP", None) or "")) - bound:
                    raise AssertionError(f"{name}: {type(node).__name__} names {missing}")


ENDED: dict[str, list[Event]] = {
    "done": story(100),
    "patience": [*story(100)[:-1], RunEnded(0.0, "patience", 100, 50, 0.5, 3.0)],
    "stopped": [*story(100)[:-1], RunEnded(0.0, "stopped", 100, 50, 0.5, 3.0)],
    "failed": [started(100), trained(20), RunEnded(0.0, "failed", 20, None, None, 3.0, "nan")],
    "failed-saved": [*story(100)[:-1], RunEnded(0.0, "failed", 90, 50, 0.5, 3.0, "nan")],
    "interrupted": [started(100), trained(20)],
    "interrupted-saved": [started(100), trained(20), Saved(0.0, 20, "step-000020", True)],
}
KEY = re.compile(
    r"(?:→ |, |; |: |^)(?:then )?([a-zA-Z])(?=:| (?:chat|see|export|train|goes|stops))"
)


@pytest.mark.parametrize("with_adapter", [False, True])
@pytest.mark.parametrize("state", ENDED)
async def test_a_run_names_only_keys_that_it_has(
    own_place: Path, state: str, with_adapter: bool
) -> None:
    folder = own_place / "mine"
    write_story(write_adapter(folder) if with_adapter else folder, ENDED[state])
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(
            pilot, lambda: f"{state.split('-')[0]} mine" in words(pilot) or "✔" in words(pilot)
        )
        page = app.screen
        assert isinstance(page, RunScreen)
        said = [str(page._shown["next"]), *(alert.action for alert in page._alerts)]
        named = {key for one in said for key in KEY.findall(one.split("  → ")[-1])}
        assert named, text(pilot)
        assert named <= set(footer(pilot)), text(pilot)


def test_alerts_name_keys_of_the_run() -> None:
    """Each alert that there can be; what its action names is a key of the page."""
    page = maker("run")()
    bound = set(page._bindings.key_to_bindings)
    refused = alerts.died(2, "no\nsuch\nmodel", None)
    assert refused is not None
    actions = [refused.action]
    source = inspect.getsource(alerts)
    actions += re.findall(r'"((?:[a-z]: |the process)[^"]*)"', source)
    named = {key for action in actions for key in KEY.findall(action)}
    assert named == {"s", "t"}
    assert named <= bound


@pytest.mark.parametrize(
    ("key", "where"),
    [("g", "train"), ("4", "train"), ("5", "chat"), ("3", "data"), ("2", "models")],
)
@pytest.mark.parametrize("known", [False, True])
async def test_the_words_on_home_are_true(
    own_place: Path, key: str, where: str, known: bool
) -> None:
    if known:
        write_story(own_place / "mine", story())
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await until(pilot, lambda: ("mine" in words(pilot)) == known and f"{key} " in words(pilot))
        await press(pilot, key)
        await until(pilot, lambda: app.current_mode == where)


async def test_enter_starts_from_wherever_one_is_in_the_form(
    own_place: Path, fake_train: None
) -> None:
    (own_place / "x.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 10)
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "sprout", "data": "x.jsonl", "iters": 20})
        await until(pilot, lambda: "Enter starts the run" in words(pilot))
        await press(pilot, "tab", "tab", "enter")
        await until(pilot, lambda: app.current_mode == "run")
        await until(pilot, lambda: "✔ done" in words(pilot))

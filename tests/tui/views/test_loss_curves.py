from __future__ import annotations

import dataclasses

import pytest

from shadow_mlx.runs.curves import RunFold, RunView
from shadow_mlx.runs.events import Event, Trained, Validated
from tests.runs.fake_run import started, trained, validated
from tui.views.loss_curves import Ahead, Losses, Overlay, last_of


def view_of(*events: Event) -> RunView:
    fold = RunFold()
    for event in events:
        fold.add(event)
    return fold.snapshot()


def alone(event: Trained | Validated) -> Event:
    """As a run tells that trains the shadow by itself."""
    return dataclasses.replace(event, losses={"loss": event.loss})


RUN = view_of(started(300), validated(0, 1.0), trained(10, at=6.0), validated(20, 11.0))


def test_a_run_at_work_reaches_to_its_end() -> None:
    ahead = Ahead(300, 150.0)
    assert Losses(RUN).whole == (0, 20)
    assert (Losses(RUN, ahead=ahead).whole, Losses(RUN, ahead=ahead).now) == ((0, 300), 20)
    timed = Losses(RUN, ahead=ahead, by_time=True)
    assert (timed.whole, timed.now) == ((1, 150), 11)


def test_runs_laid_over_do_not_make_it_longer() -> None:
    other = Overlay("another one with a very long name", view_of(validated(5000)).valid)
    found = Losses(RUN, overlays=[other])
    assert found.whole == (0, 20)
    assert [name for _, name in found.curves] == [
        "shadow", "train", "other-1", "valid-shadow", "valid",
    ]  # fmt: skip
    assert found.curves[2][0].name == "another one with"
    assert Losses(RunView(), overlays=[other]).whole == (5000, 5000)


def test_the_best_stands_at_its_step_or_its_time() -> None:
    _, loss = Losses(RUN).best or (0, 0)
    assert Losses(RUN).best == (20, loss)
    assert Losses(RUN, by_time=True).best == (11, loss)
    assert Losses(RunView()).best is None


def test_curves_say_who_they_are_of_where_there_are_two() -> None:
    names = [Losses(RUN).called(curve) for curve, _ in Losses(RUN).curves]
    assert names == ["╌ detached", "─ attached", "x valid detached", "o valid attached"]
    own = Losses(view_of(started(300), alone(trained(10)), alone(validated(20))))
    assert [own.called(curve) for curve, _ in own.curves] == ["─ train", "o valid"]
    assert [own.called(curve, brief=True) for curve, _ in own.curves] == ["─", "o"]
    brief = [Losses(RUN).called(curve, brief=True) for curve, _ in Losses(RUN).curves]
    assert brief == ["╌ detached", "─ attached", "x detached", "o attached"]
    kinds = [Losses(RUN).kind(curve) for curve, _ in Losses(RUN).curves]
    assert kinds == ["train", "train", "valid", "valid"]


def test_the_last_number_is_told_though_the_loss_is_none_any_more() -> None:
    lost = dataclasses.replace(trained(20), losses={"loss": float("nan"), "shadow_loss": 1.0})
    losses = Losses(view_of(started(300), trained(10), lost))
    (train,) = (curve for curve, name in losses.curves if name == "train")
    assert last_of(train) == pytest.approx(trained(10).loss)

"""The forms that are made of groups of options."""

from __future__ import annotations

import dataclasses

import pytest

from shadow_mlx.config import (
    ChatConfig,
    CompareConfig,
    ExportConfig,
    ImportConfig,
    PushConfig,
    TrainConfig,
)
from shadow_mlx.config.option import Options, option_info
from tests.tui.support import FAKE_WORKER, WIDE, completes, press, shown, text, until, words
from tui.app import ShadowApp
from tui.views import form
from tui.widgets.field import Field
from tui.widgets.option_form import OptionForm
from tui.widgets.option_row import OptionRow

FORMS = {  # the keys that open it
    TrainConfig: ("4", "ctrl+a"),
    ChatConfig: ("5", "ctrl+g"),
    CompareConfig: ("6", "ctrl+r"),
    ExportConfig: ("7", "e", "ctrl+a"),
    ImportConfig: ("7", "i", "ctrl+a"),
    PushConfig: ("7", "p", "ctrl+a"),
}


@pytest.mark.parametrize("group", FORMS)
async def test_each_form_has_every_option_and_completes_those_that_are_paths(
    group: type[Options], long_name: str
) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        for key in FORMS[group]:
            await press(pilot, key)
        declared = dataclasses.fields(group)
        shown_form = next(one for one in app.screen.query(OptionForm) if one.parent and one.display)
        await until(pilot, lambda: len(shown_form.query(OptionRow)) == len(declared))
        rows = {row.field.name: row for row in shown_form.query(OptionRow)}
        assert set(rows) == {one.name for one in declared}
        paths = [one.name for one in declared if option_info(one).kind == "path"]
        for name, row in rows.items():
            fields = row.query(Field)
            assert [field.path for field in fields] == [name in paths] * len(fields)
        for name in paths:
            await completes(pilot, rows[name].query_one(Field), long_name)
        if group is CompareConfig:
            for name in ("adapter_path", "rival"):
                await completes(pilot, rows[name].query_one(Field), long_name, "'a b' ")


@pytest.mark.parametrize("objective", ["finetune", "pretrain"])
async def test_what_does_not_apply_is_not_shown_and_not_taken(objective: str) -> None:
    app = ShadowApp(FAKE_WORKER)
    app.remember(form={"objective": objective, "data": "x.jsonl", "rank": "many"})
    async with shown(app, (160, 90)) as pilot:
        await press(pilot, "4")
        pretrains = objective == "pretrain"
        await until(pilot, lambda: ("mirror or PATH" in text(pilot)) == pretrains)
        await press(pilot, "ctrl+a")
        await until(pilot, lambda: "distill temperature" in text(pilot))
        for name in TrainConfig.TASK_ONLY:
            title = name.replace("_", " ")
            row = app.screen.query_one(f"#row-{name}", OptionRow)
            assert row.display != pretrains, title
        assert "shadow layers" in text(pilot)
        assert ("--rank: expected" in words(pilot)) != pretrains
        app.screen.query_one("#row-shadow", OptionRow).value = "small"
        await until(pilot, lambda: "shadow layers" not in text(pilot))


async def test_a_title_goes_with_the_last_of_its_options() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await press(pilot, "7", "ctrl+a")
        await until(pilot, lambda: "quantization" in text(pilot))
        app.screen.query_one("#form-export #row-to", OptionRow).value = "peft"
        await until(pilot, lambda: "quantization" not in text(pilot))
        assert "trust remote code" in text(pilot)


async def test_tab_follows_the_rows_before_they_have_a_place() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await press(pilot, "4")
        fields = app.screen.query_one(OptionForm)
        fields.add_class("-everything")
        await fields.make_all()  # and nothing is laid out yet
        rows = [one.parent for one in app.screen.focus_chain if isinstance(one.parent, OptionRow)]
        places = [list(fields.query(OptionRow)).index(row) for row in rows]
        assert len(places) > 20
        assert places == sorted(places)


def test_an_empty_field_says_what_it_means() -> None:
    """Not that there is a default, but which: options without one say so in their help, or none."""
    meant = {field.name: field.unset for field in form.fields(TrainConfig)}
    assert meant["iters"] == "3 epochs, at least 300"
    assert meant["rank"] == "32"
    assert meant["data"] == "needed"
    assert meant["freeze"] == "none"
    assert meant["shadow_budget"].startswith("from the backbone; 0: no budget")
    for group in FORMS:
        assert not {"default", ""} & {one.unset for one in form.fields(group)}


async def test_what_is_wrong_is_told_whole_with_the_help() -> None:
    app = ShadowApp(FAKE_WORKER)
    app.remember(form={"data": "x.jsonl", "epochs": "many"})
    async with shown(app, WIDE) as pilot:
        await press(pilot, "4")
        app.screen.query_one("#row-epochs Input").focus()
        said = lambda: str(app.screen.query_one("#help").render())  # noqa: E731 - of this screen
        await until(pilot, lambda: said().startswith("! --epochs: expected"))
        assert "--epochs: passes over the data" in said()

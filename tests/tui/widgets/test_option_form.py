"""The forms that are made of groups of options."""

from __future__ import annotations

import dataclasses

import pytest

from shadow_mlx.config import ChatConfig, CompareConfig, TrainConfig
from shadow_mlx.config.option import Options, option_info
from tests.tui.support import FAKE_WORKER, WIDE, completes, press, shown, until
from tui.app import ShadowApp
from tui.widgets.field import Field
from tui.widgets.option_row import OptionRow

FORMS = {  # the keys that open it
    TrainConfig: ("4", "ctrl+a"),
    ChatConfig: ("5", "ctrl+g"),
    CompareConfig: ("6", "ctrl+r"),
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
        await until(pilot, lambda: len(app.screen.query(OptionRow)) == len(declared))
        rows = {row.field.name: row for row in app.screen.query(OptionRow)}
        assert set(rows) == {one.name for one in declared}
        paths = [one.name for one in declared if option_info(one).kind == "path"]
        for name, row in rows.items():
            fields = row.query(Field)
            assert [field.path for field in fields] == [name in paths] * len(fields)
        for name in paths:
            await completes(pilot, rows[name].query_one(Field), long_name)
        if group is CompareConfig:
            await completes(pilot, rows["adapter_path"].query_one(Field), long_name, "'a b' ")

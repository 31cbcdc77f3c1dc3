"""The page of what comes after training, against a worker that pretends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from shadow_mlx.terminal import visible
from tests.runs.fake_run import story, write_story
from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    WIDE,
    footer,
    press,
    sees,
    shown,
    text,
    told,
    until,
    words,
    write_adapter,
)
from tui.app import ShadowApp
from tui.screens.deliver import DeliverScreen
from tui.screens.dialogs import Choice
from tui.screens.uploading import UploadDialog
from tui.screens.weights import WeightsDialog
from tui.widgets.command_row import CommandRow
from tui.widgets.option_row import OptionRow


def page(pilot: Pilot[Any]) -> DeliverScreen:
    screen = pilot.app.screen
    assert isinstance(screen, DeliverScreen)
    return screen


def row(pilot: Pilot[Any], way: str, name: str) -> OptionRow:
    return page(pilot).query_one(f"#form-{way} #row-{name}", OptionRow)


def command(pilot: Pilot[Any]) -> str:
    return page(pilot).query_one("#command", CommandRow).command


async def opened(pilot: Pilot[Any]) -> None:
    await press(pilot, "7")
    await until(pilot, lambda: "$ shadow-mlx export" in words(pilot))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_an_export_in_two_keys(size: tuple[int, int], adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
        await opened(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: "$ mlx_lm.generate --model exported" in words(pilot))
        await sees(pilot, "✔ exported into exported", "250,000 parameters · 1.0 MB")
        assert page(pilot).query_one("#outcome").has_class("-good")


async def test_the_command_follows_the_form_and_is_copied(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        assert command(pilot) == "shadow-mlx export"
        row(pilot, "export", "q_bits").value = "4"
        await until(pilot, lambda: command(pilot) == "shadow-mlx export --q-bits 4")
        await press(pilot, "ctrl+y")
        await until(pilot, lambda: "The command is copied" in told(pilot))
        assert pilot.app.clipboard == "shadow-mlx export --q-bits 4"
        row(pilot, "export", "q_bits").value = "7"
        await until(pilot, lambda: "! --q-bits: expected one of" in words(pilot))
        assert command(pilot) == ""


async def test_what_is_done_next_is_copied_by_enter(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: "✔ exported" in words(pilot))
        page(pilot).query_one("#use").focus()
        await press(pilot, "enter")
        await until(pilot, lambda: pilot.app.clipboard.startswith("mlx_lm.generate"))


async def test_options_of_models_alone_are_not_asked_of_adapters(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        row(pilot, "export", "q_bits").value = "4"
        assert "vocabulary" in text(pilot)
        row(pilot, "export", "to").value = "peft"
        await until(pilot, lambda: "vocabulary" not in text(pilot))
        await until(pilot, lambda: command(pilot) == "shadow-mlx export --to peft")
        await press(pilot, "enter")
        await until(pilot, lambda: "the adapter, as peft opens it" in words(pilot))
        row(pilot, "export", "to").value = "model"
        await until(pilot, lambda: command(pilot) == "shadow-mlx export --q-bits 4")


async def test_a_failure_stays_and_is_shown_as_it_is(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await opened(pilot)
        row(pilot, "export", "output").value = "full"
        await press(pilot, "enter")
        said = visible("✘ full: cannot write: the disk is \x1b[31mfull")
        await until(pilot, lambda: said in words(pilot))
        await press(pilot, "p", "e")
        assert said in words(pilot)


async def test_an_export_that_is_there_is_replaced_only_when_the_person_says_so(
    adapter: Path,
) -> None:
    Path("exported").mkdir()
    Path("exported/config.json").write_text("{}")

    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        assert command(pilot) == "shadow-mlx export --output exported-2"  # a free one
        row(pilot, "export", "output").value = ""
        for key, ended in (("enter", False), ("y", True)):
            await press(pilot, "ctrl+r")
            await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
            await sees(pilot, "exported is there already")
            await press(pilot, key)
            await until(pilot, lambda: isinstance(pilot.app.screen, DeliverScreen))
            await pilot.pause()
            if ended:
                await until(pilot, lambda: "✔ exported" in words(pilot))
            else:
                assert "export" not in page(pilot)._outcomes


async def test_without_an_adapter_it_says_what_to_do() -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "7")
        said = "! --adapter-path: no adapter in adapters: train one (4), or ctrl+o"
        await until(pilot, lambda: said in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: row(pilot, "export", "adapter_path").has_focus_within)
        assert page(pilot).busy is None


async def test_another_adapter_is_chosen(adapter: Path) -> None:
    write_adapter(Path("other"))
    Path("empty").mkdir()
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        for name in ("./empty", "./other"):
            await press(pilot, "ctrl+o")
            await until(pilot, lambda: isinstance(pilot.app.screen, WeightsDialog))
            await press(pilot, *name, "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, DeliverScreen))
        await until(pilot, lambda: "./empty: no adapter here" in told(pilot))
        await until(pilot, lambda: command(pilot).endswith("--adapter-path other"))
        await press(pilot, "p")
        assert row(pilot, "push", "folder").value == "other"


async def test_an_import_can_be_chatted_with(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await opened(pilot)
        await press(pilot, "i")
        said = "! --source: name the folder of a PEFT or shadow-peft adapter"
        await until(pilot, lambda: said in words(pilot))
        assert "Chat" not in footer(pilot)
        await press(pilot, "enter", *"theirs", "tab", *"mine", "enter")
        await until(pilot, lambda: "✔ imported" in words(pilot))
        await sees(pilot, "$ shadow-mlx import --source theirs --adapter-path mine")
        assert app.state.recent_adapters == (str(Path("mine").absolute()),)
        await until(pilot, lambda: "Chat" in footer(pilot))
        write_adapter(Path("mine"))
        await press(pilot, "c")
        await until(pilot, lambda: app.current_mode == "chat" and "mine" in words(pilot))


async def test_nothing_is_uploaded_before_the_card_was_shown_and_the_person_agreed(
    adapter: Path,
) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        await press(pilot, "p", "enter", *"me/robot", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UploadDialog))
        await until(pilot, lambda: "A small model from sprout" in words(pilot))
        focused = pilot.app.screen.focused
        assert isinstance(focused, Button)
        assert focused.id == "answer-cancel"
        await press(pilot, "enter")
        said = "nothing was uploaded; it would be 3 files, 1.0 MB to me/robot"
        await until(pilot, lambda: said in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UploadDialog))
        await press(pilot, "y")
        await until(pilot, lambda: "✔ uploaded: https://hub/me/robot" in words(pilot))
        await sees(pilot, "$ mlx_lm.generate --model me/robot --prompt '…'")


async def test_an_upload_that_is_refused_says_why(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        await press(pilot, "p", "enter", *"nobody/x", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UploadDialog))
        await press(pilot, "y")
        await until(pilot, lambda: "✘ nobody/x: uploading needs a login" in words(pilot))


async def test_what_was_exported_is_what_is_pushed(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        assert row(pilot, "push", "folder").value == ""  # the adapter's own folder
        await press(pilot, "enter")
        await until(pilot, lambda: "✔ exported" in words(pilot))
        assert row(pilot, "push", "folder").value == "exported"


async def test_the_three_ways_by_key_by_ctrl_t_and_by_mouse(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await opened(pilot)
        for key, name in (("i", "import"), ("p", "push"), ("e", "export")):
            await press(pilot, key)
            await until(pilot, lambda name=name: f"[{name[0]} {name.title()}]" in text(pilot))
            assert isinstance(pilot.app.focused, Button)
        row(pilot, "export", "output").query_one("Field").focus()
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: "[i Import]" in text(pilot))
        await pilot.click("WayTabs", offset=(24, 0))
        await until(pilot, lambda: "[p Push]" in text(pilot))


async def test_a_run_leads_to_its_export(own_place: Path) -> None:
    folder = write_story(write_adapter(own_place / "mine"), story())
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "e export it" in words(pilot))
        await press(pilot, "e")
        await until(pilot, lambda: command(pilot) == "shadow-mlx export --adapter-path mine")
        await press(pilot, "1")
        await until(pilot, lambda: "Export" in footer(pilot))
        write_adapter(own_place / "second")
        await press(pilot, "e")
        await until(pilot, lambda: app.current_mode == "deliver")
        await press(pilot, "enter")
        await until(pilot, lambda: "✔ exported" in words(pilot))

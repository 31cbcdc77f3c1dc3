"""The program in a real terminal: a pseudo-terminal, keys in, a screen out."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import yaml

from tests.tui.support import FAKE_TRAIN
from tests.tui.terminal import Terminal
from tui import bridge
from tui.state import state_file

LEAVE, SWITCH = "\x11", "\x14"  # Ctrl+Q, Ctrl+T


def test_from_the_first_screen_to_leaving_it() -> None:
    terminal = Terminal()
    terminal.wait_for("a first run, all filled in")
    terminal.press("3")
    terminal.wait_for("[3 Data]")
    terminal.press(LEAVE)
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.raw  # the screen that was there before is back
    assert b"Traceback" not in terminal.raw


def test_without_colour_nothing_is_lost() -> None:
    terminal = Terminal(NO_COLOR="1")
    terminal.wait_for("[1 Home]")
    colours = [code for code in terminal.raw.split(b"\x1b[") if code.startswith(b"38;2;")]
    for code in colours:  # grey: red, green and blue are the same
        red, green, blue = code.split(b"m")[0].split(b";")[2:5]
        assert red == green == blue
    terminal.press(LEAVE)
    assert terminal.end() == 0


def test_from_start_to_a_tuned_chat(own_place: Path) -> None:
    """Everything is real: sprout, its data, the run, the answers. They are only short."""
    state_file().write_text(json.dumps({"sampling": {"max_tokens": 20}}))
    terminal = Terminal()
    terminal.wait_for("a first run, all filled in")
    terminal.press("g")
    terminal.wait_for("3,000 examples to learn from")
    # Down to the number of steps, which a newcomer leaves alone.
    terminal.press("\t\t\t\t")
    terminal.wait_for("--iters: optimizer steps")
    terminal.press("2")
    terminal.wait_for("2 steps of")
    terminal.press("\x12")  # Ctrl+R
    terminal.wait_for("✔ done")
    assert bridge.has_adapter(own_place / "adapters")
    terminal.press("c")
    terminal.wait_for("ATTACHED adapters on sprout")
    terminal.press("Hello there!\r")
    terminal.wait_for(re.compile(r"ATTACHED .* \d+ tokens").search)
    terminal.press(SWITCH)
    terminal.wait_for("DETACHED adapters")
    terminal.press("And you?\r")
    terminal.wait_for(re.compile(r"DETACHED .* \d+ tokens").search)
    terminal.press(LEAVE)
    terminal.wait_for("The conversation is not saved")
    terminal.press("l")
    assert terminal.end() == 0


def test_a_slow_terminal_neither_stops_the_keys_nor_fills_up(own_place: Path) -> None:
    """A run reports forty times a second to a terminal that takes 4 kB a second."""
    config = own_place / "c.yaml"
    config.write_text(yaml.safe_dump({"adapter_path": "mine", "iters": 100_000}))
    run = subprocess.Popen([*FAKE_TRAIN, "-c", str(config)], stdout=subprocess.DEVNULL)
    try:
        terminal = Terminal(bytes_a_second=4000)
        terminal.wait_for("▶ running")
        terminal.press("\r")
        terminal.wait_for("▶ training")
        terminal.read_for(4)
        before = terminal.received
        terminal.press(LEAVE)
        assert terminal.end() == 0
        # What was on its way, and a last frame; without pacing, thirty frames (240 kB) come first.
        assert terminal.received - before < 40_000
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait()

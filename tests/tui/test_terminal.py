"""The program in a real terminal: a pseudo-terminal, keys in, a screen out."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from shadow_mlx.runs.folder import holds_adapter
from tests.tui.support import FAKE_TRAIN, PATIENCE
from tests.tui.terminal import PIECES, Terminal
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


def test_a_message_is_written_in_the_persons_own_editor(own_place: Path) -> None:
    script = own_place / "editor"
    script.write_text("echo second >> $1; echo third >> $1\n")
    terminal = Terminal(VISUAL="", EDITOR=f"sh {script}")
    terminal.wait_for("[1 Home]")
    terminal.press("5")
    terminal.wait_for("BASE sprout")
    terminal.press("first ")
    terminal.wait_for("first")
    terminal.press("\x02")  # Ctrl+B
    terminal.wait_for("first second third")
    terminal.press(" and more")
    terminal.wait_for("third and more")  # it goes on where the text ends
    terminal.press(LEAVE)
    assert terminal.end() == 0
    assert b"Traceback" not in terminal.raw


def test_from_start_to_a_tuned_chat(own_place: Path) -> None:
    """Everything is real: sprout, its data, the run, the answers. They are only short."""
    state_file().write_text(json.dumps({"answers": {"max_tokens": 20}}))
    terminal = Terminal()
    terminal.wait_for("a first run, all filled in")
    terminal.press("g")
    terminal.wait_for("3,000 examples to learn from")
    # Down to the number of steps, which a newcomer leaves alone.
    terminal.press("\t\t\t\t\t")
    terminal.wait_for("--iters: optimizer steps")
    terminal.press("2")
    terminal.wait_for("2 steps of")
    terminal.press("\x12")  # Ctrl+R
    terminal.wait_for("✔ done")
    assert holds_adapter(own_place / "adapters")
    terminal.press("c")
    terminal.wait_for("ATTACHED adapters on sprout")
    terminal.press("Hello there!\r")
    terminal.wait_for(re.compile(r"ATTACHED .* \d+ tokens").search)
    terminal.press(SWITCH)
    terminal.wait_for("DETACHED adapters")
    terminal.press("And you?\r")
    terminal.wait_for(re.compile(r"DETACHED (?!.*answering).* \d+ tokens").search)
    terminal.press(LEAVE)  # the conversation is kept by itself
    assert terminal.end() == 0
    assert list(state_file().parent.glob("conversations/*"))


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


def test_no_byte_ends_it_and_what_is_typed_is_not_lost(own_place: Path) -> None:
    """Broken UTF-8, keys that are none, sizes and clicks out of the world, endless pastes."""
    draw = random.Random(5)
    noise = [piece for piece in PIECES if piece not in (b"x", b"\r")]
    terminal = Terminal()
    terminal.wait_for("[1 Home]")
    terminal.press("3")
    terminal.wait_for("Find a file above")
    for _ in range(60):
        terminal.send(b"".join(draw.choices(noise, k=draw.randint(1, 8))))
    terminal.send(b"\x1b[48;9999;9999;9999;9999t\x1b[<0;99999999;99999999M\x1b[O")
    terminal.send(b"\x1b[200~pasted \xff\x1b[31m\x00 text\x1b[201~")
    terminal.wait_for("pasted �␛[31m␀ text")
    terminal.press("\x15and typed")  # Ctrl+U empties the field before the cursor
    terminal.wait_for("and typed")
    terminal.press(LEAVE)
    assert terminal.end() == 0
    assert b"Traceback" not in terminal.raw


def test_keys_that_come_at_once_are_taken_one_after_the_other(own_place: Path) -> None:
    """Each leads somewhere, and the next one is for where that is."""
    (own_place / "chats.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    terminal = Terminal()
    terminal.wait_for("[1 Home]")
    # A file is found and opened, the form filled with it, its number of steps written.
    terminal.press("3chats.jsonl\rt\t\t\t\t\t77")
    terminal.wait_for("77 steps")
    # F4, back to the field, which is emptied; the palette, where a name and Enter find an action.
    terminal.press("\x1bOS/\x15abc\x10change keys")
    terminal.wait_for("other keys for what this page")
    terminal.press("\r")
    terminal.wait_for("Enter: another key")
    terminal.press("\x1b")
    terminal.wait_for(re.compile(r"\[3 Data\] .* abc ").search)
    terminal.press(LEAVE)
    assert terminal.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_terminal_as_it_was(number: signal.Signals) -> None:
    terminal = Terminal()
    terminal.wait_for("[1 Home]")
    os.kill(terminal.process, number)
    assert terminal.end() == 128 + number
    restored = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l")
    assert all(mode in terminal.raw for mode in restored)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_server_is_left_behind(
    number: signal.Signals, own_place: Path, tiny_adapter: Path
) -> None:
    """It is real, and answers; whatever ends the program, it ends, too."""
    shutil.copytree(tiny_adapter, own_place / "adapters")
    terminal = Terminal()
    terminal.wait_for("[1 Home]")
    terminal.press("7")
    terminal.wait_for("$ shadow-mlx export")
    terminal.press("s")
    terminal.wait_for("$ shadow-mlx serve")
    terminal.press("\t\t\t0\r")  # past adapters and host to the port
    address_shown = re.compile(r"http://127\.0\.0\.1:(\d+)/v1/chat")
    terminal.wait_for(address_shown.search)
    found = address_shown.search(terminal.screen)
    assert found is not None
    address = ("127.0.0.1", int(found[1]))
    socket.create_connection(address).close()
    os.kill(terminal.process, number)
    terminal.end()
    deadline = time.monotonic() + PATIENCE
    while listens(address):
        assert time.monotonic() < deadline


def listens(address: tuple[str, int]) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection(address).close()
    except OSError:
        return False
    return True


def test_it_ends_with_its_terminal() -> None:
    terminal = Terminal()
    terminal.wait_for("[1 Home]")
    assert terminal.hang_up() == 128 + signal.SIGHUP

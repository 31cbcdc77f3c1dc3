"""The conversation at a terminal or through a pipe: lines in, streamed answers out.

Answers go to stdout; which weights answer, figures, help and errors go to stderr.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from shadow_mlx.cli.chosen_model import cost, describe, stats
from shadow_mlx.cli.signals import cut_by_ctrl_c
from shadow_mlx.cli.typed import lines
from shadow_mlx.config import Mode
from shadow_mlx.errors import InputError, PeersLostError, ShadowMLXError, surroundings_failure
from shadow_mlx.generation.answers import Part
from shadow_mlx.generation.decode import Answer
from shadow_mlx.generation.engine import OnPiece
from shadow_mlx.generation.session import ChatSession
from shadow_mlx.generation.transcript import load_transcript, save_transcript
from shadow_mlx.terminal import visible

HELP = """\
/attached         backbone and shadow answer from now on
/detached         the shadow alone answers
/base             the untuned backbone answers
/compare [TEXT]   all of them answer TEXT, or the last message again; MB is what each needs alone
/system [TEXT]    set the system message, or show it; /system - removes it
/stats            what the last answer took, and how drafting went so far
/thoughts         what the model thought before its last answer
/reset            forget the conversation
/save FILE        write the conversation, one line of chat data
/load FILE        go on with a conversation from a file
/help             this list
/exit             leave (Ctrl-D does too)
//TEXT            send /TEXT, even where it is the name of a command
A line that begins with / and no command (/think, /home/me/data.csv) is a message like any other.
Ctrl-C stops an answer and keeps what there is of it."""

LEAVING = ("/exit", "/quit")
WITH_TEXT = ("/compare", "/system", "/save", "/load", "/help")
NAMED = 60
"""Characters of a line's first word that a note repeats."""


class TerminalChat:
    """Reads lines, answers them in the session's mode, and obeys the slash commands.

    Args:
        session: The conversation.
        backbone: The backbone's name.
        adapter: The adapter's folder, or None.
    """

    def __init__(self, session: ChatSession, backbone: str, adapter: str | None) -> None:
        self._session = session
        self._backbone = backbone
        self._adapter = adapter
        self._answers: list[Answer] = []
        self._own_files: set[Path] = set()  # written here, so /save may replace them
        self._commands: dict[str, Callable[[str], None]] = {
            "/attached": lambda _: self._switch("attached"),
            "/detached": lambda _: self._switch("detached"),
            "/base": lambda _: self._switch("base"),
            "/compare": self._compare,
            "/system": self._system,
            "/reset": self._reset,
            "/save": self._save,
            "/load": self._load,
            "/stats": lambda _: _note(stats(self._answers)),
            "/thoughts": self._thoughts,
            "/help": lambda _: _note(HELP),
        }

    def run(self) -> int:
        """Talk until the input ends or ``/exit``; returns the exit code."""
        self._say_who()
        _note("/help lists the commands")
        for line in lines(lambda: f"{self._session.mode}> ", _note):
            text = line.strip()
            if text in LEAVING:
                break
            try:
                if text:
                    self._take(text)
            except PeersLostError:
                raise
            except ShadowMLXError as error:  # a mistake in one line does not end the conversation
                _note(str(error))
            except (MemoryError, RuntimeError) as error:
                if (known := surroundings_failure(error)) is None:
                    raise
                _note(f"{known}; the conversation is as it was before that line")
        return 0

    def _take(self, text: str) -> None:
        """Obey a command; send everything else to the model."""
        name, *rest = text.split(None, 1)
        if not text.startswith("/"):
            self._answer(text)
        elif text.startswith("//"):
            self._answer(text[1:])
        elif name not in (*self._commands, *LEAVING):
            _note(_no_command(name, [*self._commands, *LEAVING]))
            self._answer(text)
        elif rest and name not in WITH_TEXT:  # neither forget what was said nor this line
            raise InputError(f"{name} stands alone; begin the line with // to send it as a message")
        else:
            self._commands[name]("".join(rest))

    def _answer(self, text: str) -> None:
        with cut_by_ctrl_c() as stop:
            answer = self._session.reply(text, self._shown(), stop)
        self._end_of(answer)
        if answer.finish_reason != "stop" or answer.beyond:
            _note(cost(answer))

    def _compare(self, text: str) -> None:
        def begin(mode: Mode) -> OnPiece:
            print(f"[{mode}] ", end="", flush=True)
            return self._shown()

        def end(mode: Mode, answer: Answer) -> None:
            self._end_of(answer)
            _note(f"{mode}: {cost(answer)}")

        with cut_by_ctrl_c() as stop:
            self._session.compare(text or None, begin, end, stop)

    def _shown(self) -> OnPiece:
        """Prints what is said as it comes; of what is thought, only that it is."""
        thinking = False

        def show(part: Part, text: str) -> None:
            nonlocal thinking
            if part == "words":
                print(visible(text), end="", flush=True)
            elif not thinking:
                thinking = True
                _note("thinking …")

        return show

    def _end_of(self, answer: Answer) -> None:
        print(flush=True)
        self._answers.append(answer)
        self._thought = answer.reasoning
        if self._thought:
            _note(f"thought before it: {len(self._thought.split()):,} words; /thoughts shows them")

    def _thoughts(self, _: str) -> None:
        _note(self._thought or "the last answer came without a reasoning")

    def _switch(self, mode: Mode) -> None:
        self._session.switch(mode)
        self._say_who()

    def _system(self, text: str) -> None:
        session = self._session
        if text:
            system = "" if text == "-" else text
            session.conversation = dataclasses.replace(session.conversation, system=system)
        _note(f"system message: {session.conversation.system or 'none'}")

    def _reset(self, _: str) -> None:
        self._session.reset()
        self._thought = ""
        _note("the conversation is forgotten")

    def _save(self, name: str) -> None:
        path = _path(name, "/save")
        if path.is_dir():
            raise InputError(f"{path}: a folder; give the name of a file in it")
        if os.path.lexists(path) and path not in self._own_files:
            raise InputError(f"{path} exists already; choose another name")
        save_transcript(path, self._session.conversation)
        self._own_files.add(path)
        _note(f"{path}: {len(self._session.conversation.messages())} messages saved")

    def _load(self, name: str) -> None:
        path = _path(name, "/load")
        self._session.conversation = load_transcript(path)
        _note(f"{path}: {len(self._session.conversation.messages())} messages loaded")

    def _say_who(self) -> None:
        _note(describe(self._backbone, self._adapter, self._session.mode))


def _no_command(name: str, commands: list[str]) -> str:
    """What to say of a line that begins like a command and is none."""
    name = name if len(name) <= NAMED else name[:NAMED] + "…"
    close = difflib.get_close_matches(name, commands, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"{name} is no command{hint}: sent as a message; /help lists the commands"


def _path(name: str, command: str) -> Path:
    """The file that a person named.

    Raises:
        InputError: No file can have that name here.
    """
    if not name:
        raise InputError(f"{command} needs a file's name")
    if "\0" in name:
        raise InputError(f"{command}: no file's name holds a NUL character")
    try:
        path = Path(name).expanduser()
        path.lstat()
    except RuntimeError:
        raise InputError(
            f"{name}: there is no user with that name; ./{name} is a file in this folder"
        ) from None
    except UnicodeEncodeError:
        raise InputError(f"{name}: this locale has no file names with such characters") from None
    except FileNotFoundError:
        return path
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    return path


def _note(text: str) -> None:
    sys.stdout.flush()
    print(visible(text), file=sys.stderr, flush=True)

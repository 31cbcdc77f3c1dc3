"""Files made of data files, as the data page asks for them: conversions, splits, samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from shadow_mlx.config import ConvertConfig
from shadow_mlx.config.paths import absolute
from shadow_mlx.data.reading.foreign import DOCUMENTS, SEPARATED, WORDS, ForeignKind, foreign_kind
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens import columns
from tui.screens.base import Page
from tui.screens.dialogs import Ask, Choice
from tui.views.making import examples, free_name, way_on

Options = dict[str, Any]


class MakingPage(Page):
    """A page that writes files beside those that it shows; the sources stay as they are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop_making", "Stop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._making = 0  # the request at work

    def show_made(self, path: str, mapped: columns.Mapped) -> None:
        """Show what was written, whose columns are still those of its source."""

    def say_working(self, text: str) -> None:
        """Say what is being done; empty when it is done."""

    @work(exclusive=True, group="make")
    async def convert(self, source: str, options: Options | None = None) -> None:
        """Ask what the columns of a file hold, and write its examples as JSON Lines."""
        options = options or {}
        kind = foreign_kind(Path(source))
        if kind is None:
            return
        if kind in DOCUMENTS:
            self._ask_for_document(source, kind, options)
            return
        child = self.ui.processes["data"]
        try:
            page = await child.result(m.LookAt(child.number(), source, options), m.Page)
        except ChildError as error:
            self._refused(
                str(error), "convert", source, options, lambda more: self.convert(source, more)
            )
            return
        self._ask_for_columns(source, kind, options, page)

    def _ask_for_document(self, source: str, kind: ForeignKind, options: Options) -> None:
        longest = ConvertConfig.max_characters
        question = (
            f"{Path(source).name} is {WORDS[kind]}. Its text can be written as JSON Lines beside "
            f"it, in pieces of at most {longest:,} characters, cut at headings and paragraphs."
        )

        def decide(answer: str | None) -> None:
            if answer:
                self.make("convert", source, options)

        self.put(Choice(question, [("convert", "c", "Convert")]), decide)

    def _ask_for_columns(
        self, source: str, kind: ForeignKind, options: Options, page: m.Page
    ) -> None:
        header = bool(options.get("header", True)) if kind in SEPARATED else None
        what = f"{visible(Path(source).name)} is {WORDS[kind]}"
        title = f"{what}: it is written as JSON Lines beside it."

        def decide(mapped: columns.Mapped | None) -> None:
            if mapped is None:
                return
            if mapped == columns.OTHER_HEADER:
                self.convert(source, {**options, "header": not header})
                return
            known = self.ui.state.with_columns(absolute(source), mapped)
            self.ui.remember(columns=known)
            self.make("convert", source, {**options, **mapped})

        names = [name for name, _ in page.columns]
        known = self.ui.state.columns_of(absolute(source))
        begin = known if columns.assigned(known, names) else page.suggested
        self.put(columns.ColumnsDialog(page.columns, begin, title, header=header), decide)

    def ask_for_parts(self, source: str, options: Options) -> None:
        """Ask whether a file is to be split, sampled or shuffled, and do it."""
        name = Path(source).name
        question = (
            f"New files of {name}, beside it, always the same (seed 0; the command "
            "shadow-mlx data has other seeds and shares):"
        )
        answers = [
            ("split", "s", "Split 80:10:10"),
            ("sample", "n", "Some examples"),
            ("shuffle", "u", "Shuffle"),
        ]

        def count(typed: str | None) -> None:
            if typed is None:
                return
            if (number := examples(typed)) is None:
                self.ui.tell(f"{typed}: expected a number of examples", "warning")
            else:
                self.make("sample", source, {**options, "examples": number})

        def decide(answer: str | None) -> None:
            if answer == "sample":
                self.put(Ask(f"How many examples of {name}?", "100"), count)
            elif answer:
                self.make(answer, source, options)

        self.put(Choice(question, answers), decide)

    @work(exclusive=True, group="make")
    async def make(self, action: str, source: str, options: Options) -> None:
        """Have the child write it, and show it."""
        child = self.ui.processes["data"]
        self._making = child.number()
        made = ""
        self.say_working(f"{action}: {visible(Path(source).name)} … (esc stops)")
        try:
            async for reply in child.ask(m.Make(self._making, action, source, options)):
                if isinstance(reply, m.Progress):
                    self.say_working(f"{reply.what} … {reply.done} % (esc stops)")
                elif isinstance(reply, m.Done):
                    made = reply.text
        except ChildError as error:
            self._refused(
                str(error), action, source, options, lambda more: self.make(action, source, more)
            )
        finally:
            self._making = 0
            self.say_working("")
        if made:
            self.ui.tell(f"{Path(made).name} is written, beside {Path(source).name}.")
            kept = {} if action == "convert" else columns.options_of(options)
            self.show_made(made, kept)

    def _refused(
        self,
        message: str,
        action: str,
        source: str,
        options: Options,
        again: Callable[[Options], Any],
    ) -> None:
        """Tell what is wrong, and ask whether to go on another way where there is one."""
        way = way_on(message, options, free_name(source, action))
        if way is None:
            self.ui.tell(message, "error")
            return

        def decide(answer: str | None) -> None:
            if answer:
                again({**options, way.option: way.value if way.key else answer})

        if way.key:
            self.put(Choice(way.question, [("again", way.key, way.label)]), decide)
        else:
            self.put(Ask(way.question, str(way.value), path=True), decide)

    def action_stop_making(self) -> None:
        """Stop what is at work, of which nothing stays; else leave the field."""
        if self._making:
            self.ui.processes["data"].stop(self._making)
        else:
            self.action_leave_field()

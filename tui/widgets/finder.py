"""A field with the list of what it finds: some letters of a name, or a path, which is completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from shadow_mlx.config.paths import local
from shadow_mlx.terminal import visible
from tui.views import finder
from tui.widgets.field import Field


class Finder(Vertical):
    """Typing narrows the list, Down goes into it, Enter chooses what is marked or typed.

    Args:
        placeholder: What stands in the empty field.
        suffixes: Of the files that complete a path; folders always do.
        folded: The list is there only while one is in it or in the field.
    """

    DEFAULT_CSS = """
    Finder { height: auto; }
    Finder OptionList { height: auto; max-height: 12; border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "into_list", show=False)]

    class Chosen(Message):
        """The person chose a name: one of the list, or another one as it was typed."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(
        self, placeholder: str = "", *, suffixes: tuple[str, ...] = (), folded: bool = False
    ) -> None:
        super().__init__()
        self._placeholder, self._suffixes, self._folded = placeholder, suffixes, folded
        self._names: Mapping[str, str] = {}
        self._found: list[str] = []

    def compose(self) -> ComposeResult:
        """The field above its list."""
        yield Field(placeholder=self._placeholder, compact=True, id="find")
        yield OptionList(id="matches", markup=False)

    def offer(self, names: Mapping[str, str]) -> None:
        """What can be found: names, best first, each with a note."""
        self._names = names
        self._match()

    def write(self, text: str) -> None:
        """Have this text in the field, to be written on."""
        field = self.query_one(Field)
        field.value = text
        field.focus()
        field.cursor_position = len(text)

    @property
    def marked(self) -> str:
        """The name that is marked in the list, or ``""``."""
        at = self.query_one(OptionList).highlighted
        return self._found[at] if at is not None and at < len(self._found) else ""

    def _match(self) -> None:
        typed = self.query_one(Field).value.strip()
        if finder.is_path(typed):
            self._found = finder.completions(typed, self._suffixes)
        else:
            self._found = finder.fuzzy(typed, self._names)
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_options(Option(self._line(name)) for name in self._found)
        listed.highlighted = 0 if self._found else None
        if typed and not self._found:
            listed.add_option(Option("Nothing here is called so.", disabled=True))
        self._fold()

    def _line(self, name: str) -> Text:
        note = self._names.get(name)
        return Text.assemble(visible(name), (f"  {note}" if note else "", "dim"), no_wrap=True)

    def _fold(self) -> None:
        for listed in self.query(OptionList):  # none: the dialog closed before the call came
            listed.display = not self._folded or self.has_focus_within

    def on_descendant_focus(self) -> None:
        """The list of matches is there while the field is used."""
        self._fold()

    def on_descendant_blur(self) -> None:
        """As for the focus."""
        self.call_after_refresh(self._fold)

    def on_input_changed(self, event: Field.Changed) -> None:
        """Find with every letter."""
        event.stop()
        self._match()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """What is typed, where it is there or nothing is like it; else what is marked."""
        event.stop()
        typed, marked = event.value.strip(), self.query_one(OptionList).highlighted
        place = local(typed)
        there = place is not None and (finder.is_path(typed) or place.is_file())
        if typed and (there or not self._found):
            self.post_message(self.Chosen(typed))
        elif marked is not None:
            self.post_message(self.Chosen(self._found[marked]))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The one that was chosen."""
        event.stop()
        self.post_message(self.Chosen(self._found[event.option_index]))

    def action_into_list(self) -> None:
        """From the field into the list below it."""
        self.query_one(OptionList).focus()

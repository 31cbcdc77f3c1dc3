"""One option of a form: its name, its field, its unit or its problem, in one line."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Select

from shadow_mlx.terminal import visible
from tui.views.form import FormField
from tui.widgets.field import Field


def place_of(widget: Widget) -> tuple[int, int]:
    """Where a widget stands among its siblings, by which Tab goes from one to the next.

    Textual goes by the place on the screen, which what was just made does not have yet: the first
    Tab after a form was opened could land in the middle of it.
    """
    assert widget.parent is not None
    return widget.parent.children.index(widget), 0


class OptionRow(Horizontal):
    """A field for one option. Empty text means the default, which stands there as a shadow.

    Args:
        field: The declaration.
        value: The text to begin with.
    """

    DEFAULT_CSS = """
    OptionRow { height: 1; padding: 0 1; }
    OptionRow .name { width: 26; }
    OptionRow Input, OptionRow Select { width: 1fr; max-width: 50; height: 1; }
    OptionRow .note { width: 1fr; padding: 0 1; color: $text-muted; }
    OptionRow .note { text-wrap: nowrap; text-overflow: ellipsis; }
    OptionRow.-wrong .note { color: $text-error; }
    OptionRow.-wrong .name { text-style: bold; }
    OptionRow .name.-here { text-style: bold reverse; }
    """

    class Changed(Message):
        """The person changed the option."""

        def __init__(self, row: OptionRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, field: FormField, value: str) -> None:
        super().__init__(id=f"row-{field.name}")
        self.field = field
        self._problem = ""
        self._title = Label(field.title, classes="name", markup=False)
        self._note = Label(visible(field.unit), classes="note", markup=False)
        if field.choices:
            chosen = value or field.default
            self._control: Widget = Select(
                [(choice, choice) for choice in field.choices],
                value=chosen if chosen in field.choices else Select.NULL,
                allow_blank=field.optional,
                compact=True,
            )
        else:
            self._control = Field(
                value,
                path=field.path,
                several=field.several,
                placeholder=field.unset,
                compact=True,
            )
        self._control.HELP = self._help()  # type: ignore[misc]  # of this control alone

    def compose(self) -> ComposeResult:
        """Name, field, note."""
        yield self._title
        yield self._control
        yield self._note

    @property
    def _focus_sort_key(self) -> tuple[int, int]:
        return place_of(self)

    def _help(self) -> str:
        field = self.field
        default = f" Default: `{field.default}`." if field.default else ""
        return f"# {field.title}\n\n{field.help}\n\n`{field.flag}` takes {field.kind}.{default}"

    @property
    def value(self) -> str:
        """The text as it stands; empty for the default."""
        control = self._control
        if isinstance(control, Select):
            text = "" if control.selection is None else str(control.selection)
            return "" if text == self.field.default else text
        assert isinstance(control, Field)
        return control.value

    @value.setter
    def value(self, text: str) -> None:
        control = self._control
        if isinstance(control, Select):
            control.value = text or self.field.default or Select.NULL
        else:
            assert isinstance(control, Field)
            control.value = text

    @property
    def problem(self) -> str:
        """What is wrong with it; empty for nothing."""
        return self._problem

    def complain(self, problem: str) -> None:
        """Show what is wrong, or with ``""`` the unit again."""
        if problem == self._problem:
            return
        self._problem = problem
        self.set_class(bool(problem), "-wrong")
        self._note.update(visible(f"! {problem}" if problem else self.field.unit))

    def on_descendant_focus(self) -> None:
        """Show where one is: on the name, so that no colour is needed."""
        self._title.add_class("-here")

    def on_descendant_blur(self) -> None:
        """One is elsewhere now."""
        self._title.remove_class("-here")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass it on as this row's change."""
        event.stop()
        self.post_message(self.Changed(self))

    def on_select_changed(self, event: Select.Changed) -> None:
        """Pass it on as this row's change."""
        event.stop()
        self.post_message(self.Changed(self))

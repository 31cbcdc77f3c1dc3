"""Which columns of a data file hold what, where its format is not known: chosen by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from shadow_mlx.terminal import visible
from shadow_mlx.worker.messages import Pair
from tui.screens.dialogs import Dialog
from tui.widgets.press_button import PressButton

ROLES = {
    "prompt": "prompt_feature",
    "completion": "completion_feature",
    "text": "text_feature",
    "label": "label_feature",
    "chat": "chat_feature",
}
"""What a column may hold, and the option that says so."""

Mapped = dict[str, str]
"""Options of ``config.ColumnConfig`` that are set."""

OTHER_HEADER: Mapped = {"header": ""}
"""The answer that the first row of a table is the other thing: names, or an example like others."""

_TOGETHER = ({"prompt", "completion"}, {"text", "label"})
"""Roles that columns of one format have."""


def assigned(mapped: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """The role of each column, by its name, in the order in which prompts are joined."""
    found: dict[str, str] = {}
    for role, option in ROLES.items():
        value = mapped.get(option, "")
        names = [value] if value in columns else value.split(",")
        found |= {name: role for name in names if name in columns}
    return found


def with_role(roles: Mapping[str, str], column: str, role: str) -> dict[str, str]:
    """After giving a column a role, or taking it away again; a file has one format."""
    if roles.get(column) == role:
        return {name: other for name, other in roles.items() if name != column}
    together = next((roles for roles in _TOGETHER if role in roles), set())
    kept = {
        name: other
        for name, other in roles.items()
        if name != column and other in together and (other != role or role == "prompt")
    }
    return {**kept, column: role}


def mapping_of(roles: Mapping[str, str]) -> Mapped:
    """The options for columns with these roles."""
    options: Mapped = {}
    for name, role in roles.items():
        option = ROLES[role]
        options[option] = f"{options[option]},{name}" if option in options else name
    return options


def options_of(options: Mapping[str, object]) -> Mapped:
    """Those of some options that name columns."""
    return {name: str(options[name]) for name in ROLES.values() if options.get(name)}


def missing(roles: Mapping[str, str]) -> str:
    """What is not chosen yet; empty when the choice can be used."""
    given = set(roles.values())
    if not given:
        return "Choose what the columns hold."
    if given == {"prompt"}:
        return "Which column holds the completion?"
    if given == {"label"}:
        return "Which column holds the text that has the label?"
    return "Which column holds the prompt?" if given == {"completion"} else ""


class ColumnsDialog(Dialog[Mapped]):
    """The columns with a value each; a key gives the one under the cursor its role.

    Args:
        columns: Names, each with a value from the file.
        mapped: The choice to begin with.
        title: What the file is, and what becomes of it.
        header: Whether the first row is taken as names; ``None`` where there is no such question.
    """

    DEFAULT_CSS = """
    ColumnsDialog #columns { height: auto; max-height: 10; border: none; }
    ColumnsDialog .roles { height: 1; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "role('prompt')", "Prompt"),
        Binding("c", "role('completion')", "Completion"),
        Binding("t", "role('text')", "Text"),
        Binding("l", "role('label')", "Label"),
        Binding("m", "role('chat')", "Messages"),
        Binding("h", "header", "Header", show=False),
    ]

    def __init__(
        self,
        columns: Sequence[Pair],
        mapped: Mapping[str, str],
        title: str = "",
        *,
        header: bool | None = None,
    ) -> None:
        super().__init__()
        self._columns, self._title, self._header = columns, title, header
        self._roles = assigned(mapped, [name for name, _ in columns])

    def compose(self) -> ComposeResult:
        """What is asked, the columns, and the roles as buttons for the mouse."""
        with Vertical(classes="dialog"):
            if self._title:
                yield Static(self._title, markup=False)
            yield Static("Which column holds what? Several prompts are joined.")
            yield OptionList(*self._options(), id="columns", markup=False)
            yield Static(missing(self._roles), id="missing")
            with Horizontal(classes="roles"):
                yield PressButton("Prompt (p)", id="prompt", compact=True)
                yield PressButton("Completion (c)", id="completion", compact=True)
                yield PressButton("Text (t)", id="text", compact=True)
                yield PressButton("Label (l)", id="label", compact=True)
                yield PressButton("Messages (m)", id="chat", compact=True)
            with Horizontal(classes="roles"):
                yield PressButton("Use this (enter)", id="use", variant="primary", compact=True)
                if self._header is not None:
                    names = "First row: no names (h)" if self._header else "First row: names (h)"
                    yield PressButton(names, id="header", compact=True)
                yield PressButton("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """The list takes the keys."""
        columns = self.query_one("#columns", OptionList)
        columns.highlighted = 0
        columns.focus()

    def _options(self) -> list[Option]:
        width = max((len(name) for name, _ in self._columns), default=0)
        return [
            Option(
                Text.assemble(
                    (f"{_mark(self._roles, name):<13}", "bold"),
                    f"{visible(name):<{min(width, 24)}}  ",
                    (" ".join(visible(value).split()), "dim"),
                    no_wrap=True,
                    overflow="ellipsis",
                )
            )
            for name, value in self._columns
        ]

    def action_role(self, role: str) -> None:
        """Give the column under the cursor this role, or take it away."""
        columns = self.query_one("#columns", OptionList)
        row = columns.highlighted
        if row is None:
            return
        self._roles = with_role(self._roles, self._columns[row][0], role)
        columns.clear_options()
        columns.add_options(self._options())
        columns.highlighted = row
        self.query_one("#missing", Static).update(missing(self._roles))

    def action_header(self) -> None:
        """Take the first row as the other thing: the file is looked at anew."""
        if self._header is not None:
            self.dismiss(OTHER_HEADER)

    def on_option_list_option_selected(self) -> None:
        """Enter uses the choice, when it is complete."""
        if missing(self._roles):
            self.app.bell()
        else:
            self.dismiss(mapping_of(self._roles))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """As the keys."""
        if event.button.id == "use":
            self.on_option_list_option_selected()
        elif event.button.id == "cancel":
            self.action_cancel()
        elif event.button.id == "header":
            self.action_header()
        elif event.button.id:
            self.action_role(event.button.id)
            self.query_one("#columns").focus()


def _mark(roles: Mapping[str, str], name: str) -> str:
    role = roles.get(name, "")
    prompts = [one for one, other in roles.items() if other == "prompt"]
    number = f" {prompts.index(name) + 1}" if role == "prompt" and len(prompts) > 1 else ""
    return f"[{role}{number}]" if role else ""

"""The options of a group as rows in frames: the simple ones first, the others by their groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll

from shadow_mlx.config.option import GROUP_TITLES, Options
from shadow_mlx.terminal import visible
from tui.views import form
from tui.widgets.option_row import OptionRow, place_of


class Frame(Vertical):
    """Some rows, in a frame that says what they are about.

    Args:
        title: What that is; without one there is no frame.
        rows: The rows.
    """

    DEFAULT_CSS = """
    Frame { height: auto; max-width: 100; border: round $primary 60%; padding: 0; }
    Frame { border-title-style: bold; }
    Frame.-plain { border: none; }
    """

    def __init__(self, title: str, rows: Iterable[OptionRow]) -> None:
        self.rows = list(rows)
        super().__init__(*self.rows)
        self.border_title = title
        self.set_class(not title, "-plain")

    @property
    def _focus_sort_key(self) -> tuple[int, int]:
        return place_of(self)


class OptionForm(VerticalScroll):
    """Fields for every option of a group; those of the others are made when they are asked for.

    Args:
        group: The options.
        texts: What stands in the fields at first, by option; empty text is the default.
    """

    DEFAULT_CSS = """
    OptionForm .expert { display: none; }
    OptionForm.-everything .expert { display: block; }
    OptionForm .-idle { display: none !important; }
    """

    def __init__(self, group: type[Options], texts: Mapping[str, str], *, id: str) -> None:
        super().__init__(id=id, can_focus=False)
        self._group = group
        self.fields = form.fields(group)
        self.rows: dict[str, OptionRow] = {}
        self._texts = dict(texts)  # of the fields whose rows are not made yet
        self._frames: list[Frame] = []

    def compose(self) -> ComposeResult:
        """The simple rows."""
        fields = {field.name: field for field in self.fields}
        for title, names in form.SIMPLE_FRAMES.get(self._group, {}).items():
            yield self._frame(title, (fields[name] for name in names))
        self._arrange()

    def _frame(self, title: str, fields: Iterable[form.FormField]) -> Frame:
        frame = Frame(title, [self._row(field) for field in fields])
        self._frames.append(frame)
        return frame

    def _row(self, field: form.FormField) -> OptionRow:
        row = self.rows[field.name] = OptionRow(field, self._texts.get(field.name, ""))
        return row

    def _others(self) -> Iterator[Frame]:
        rest = (field for field in self.fields if not field.simple)
        for group, fields in groupby(rest, key=lambda field: field.group):
            yield self._frame(GROUP_TITLES.get(group, group), fields)

    async def make_all(self) -> None:
        """Make the rows that are not there yet."""
        if len(self.rows) < len(self.fields):
            others = list(self._others())
            self._arrange()
            await self.mount_all(others)

    def _arrange(self) -> None:
        """Leave out what says nothing beside the others, and a frame with the last of its rows."""
        texts = self.texts
        idle = form.idle_now(self._group, texts)
        simple = form.simple_now(self._group, texts)
        for name, row in self.rows.items():
            row.set_class(name in idle, "-idle")
            row.set_class(name not in simple, "expert")
        for frame in self._frames:
            for sort in ("-idle", "expert"):
                frame.set_class(all(row.has_class(sort) for row in frame.rows), sort)

    def on_option_row_changed(self) -> None:
        """What one field says decides about others."""
        self._arrange()

    async def show_all(self) -> None:
        """Show every option."""
        await self.make_all()
        self.add_class("-everything")

    @property
    def texts(self) -> dict[str, str]:
        """What stands in the fields; of rows that are not made yet, what would stand there."""
        return {
            field.name: self.rows[field.name].value
            if field.name in self.rows
            else self._texts.get(field.name, "")
            for field in self.fields
        }

    async def fill(self, texts: Mapping[str, str]) -> None:
        """Put other texts in, and show what is then not the default."""
        self.put(texts)
        shown = form.simple_now(self._group, self._texts)
        shown |= form.idle_now(self._group, self._texts)
        if any(text for name, text in self._texts.items() if name not in shown):
            await self.show_all()

    def put(self, texts: Mapping[str, str]) -> None:
        """Put other texts in; what is not named goes back to its default."""
        self._texts = {
            field.name: "" if (text := texts.get(field.name, "")) == field.default else text
            for field in self.fields
        }
        for name, row in self.rows.items():
            row.value = self._texts[name]
        self._arrange()

    def complain(self, problems: Mapping[str, str]) -> None:
        """Show at its field what is wrong with it."""
        for name, row in self.rows.items():
            row.complain(problems.get(name, ""))

    async def go_to(self, name: str) -> None:
        """Give a field the focus."""
        if name not in form.simple_now(self._group, self.texts):
            await self.show_all()
        self.rows[name].query("Input, Select").first().focus()

    def explained(self) -> str:
        """What the option is whose field has the focus; empty if none has it."""
        for row in self.rows.values():
            if row.has_focus_within:
                field = row.field
                default = f" Default: {field.default}." if field.default else ""
                wrong = f"! {row.problem}\n" if row.problem else ""
                return visible(f"{wrong}{field.flag}: {field.help}.{default} Takes {field.kind}.")
        return ""

"""A page with a list that what is typed narrows: ``/`` shows the field, Escape takes it away."""

from __future__ import annotations

from typing import ClassVar

from tui.screens.base import Page
from tui.widgets.field import Field


class FilteredPage(Page):
    """A page whose list, where it :meth:`rests <resting>`, has a field above it.

    Its subclass places :meth:`filter_field`, binds ``/`` to ``filter`` and shows what is
    :attr:`wanted`.
    """

    FILTERED_BY: ClassVar[str] = ""
    """What can be typed, for the empty field."""

    DEFAULT_CSS = """
    FilteredPage #filter { height: 1; margin: 0 1; display: none; }
    """

    def filter_field(self) -> Field:
        """The field, not to be seen before it is asked for."""
        return Field(placeholder=self.FILTERED_BY, compact=True, id="filter")

    @property
    def _filter(self) -> Field:
        return self.query_one("#filter", Field)

    @property
    def wanted(self) -> str:
        """The words that everything in the list holds."""
        return self._filter.value.strip()

    @property
    def typing(self) -> bool:
        """Whether the field has the keys."""
        return self._filter.has_focus

    @property
    def listed(self) -> bool:
        """Whether there is something to filter."""
        raise NotImplementedError

    def narrow(self) -> None:
        """Show what is left."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to filter, and no second field while one types."""
        if action == "filter":
            return self.is_mounted and self.listed and not self.typing
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Type what the list is to be filtered by."""
        self._filter.display = True
        self._filter.focus()

    def on_input_changed(self) -> None:
        """Filter as it is typed."""
        self.narrow()

    def on_input_submitted(self) -> None:
        """To what is left."""
        self._filter.display = bool(self.wanted)
        self.set_focus(self._usable(self.resting()))

    def action_leave_field(self) -> None:
        """No filter any more, and back to the list."""
        self._filter.value = ""
        self._filter.display = False
        super().action_leave_field()

"""The last line of every page: its keys, as many as fit, and those of the program always."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

GAP = 2
"""Cells between a key and its name, and behind the name."""
EDGE = 1
"""Cells on the left, as everywhere on a page."""


class KeyLine(Footer):
    """Textual's footer where it fits; where not, the last of the page's own keys are left out.

    They are in the order in which the page declares them, whatever has the focus, so that those
    that matter most are there. Help, which has its place at the end, names the others.
    """

    DEFAULT_CSS = """
    KeyLine { padding-left: 1; }
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        """The keys that are shown."""
        if not self._bindings_ready:
            return
        own: dict[str, Binding] = {}
        program: dict[str, Binding] = {}
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled:
                (program if node is self.app else own).setdefault(binding.action, binding)
        last = list(program.values())
        room = self.app.size.width - EDGE - sum(map(self._width, last)) + 1  # no gap at the end
        for binding in sorted(own.values(), key=self._rank):
            room -= self._width(binding)
            if room < 0:
                break
            yield self._key(binding)
        yield from map(self._key, last)

    def _rank(self, binding: Binding) -> int:
        """The place of a binding among those of the page; those of widgets on it come first."""
        declared = [b.id for kind in type(self.screen).__mro__ for b in _bindings_of(kind)]
        return declared.index(binding.id) if binding.id in declared else -1

    def _width(self, binding: Binding) -> int:
        return len(self.app.get_key_display(binding)) + len(binding.description) + GAP

    def _key(self, binding: Binding) -> FooterKey:
        key = FooterKey(
            binding.key,
            self.app.get_key_display(binding),
            binding.description,
            binding.action,
            tooltip=binding.tooltip,
        )
        return key.data_bind(compact=Footer.compact)

    def on_resize(self, event: events.Resize) -> None:
        """Others fit."""
        self.call_after_refresh(self.recompose)


def _bindings_of(kind: type) -> list[Binding]:
    return [one for one in vars(kind).get("BINDINGS", ()) if isinstance(one, Binding)]

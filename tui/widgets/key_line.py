"""The last line of every page: its keys, as many as fit, and those of the program always."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

GAP = 1
"""Cells between a key and its name, and between two keys."""
EDGE = 1
"""Cells on the left, as everywhere on a page."""

STYLES = ("key-line--key", "key-line--name", "key-line--hover")
"""Of a key, of its name, and of both under the pointer."""


@dataclass(frozen=True)
class Key:
    """A binding, and what stands for its key."""

    binding: Binding
    display: str

    @property
    def width(self) -> int:
        """Cells of the key and its name."""
        return cell_len(self.display) + GAP + cell_len(self.binding.description)


class KeyLine(Widget):
    """Where not all keys fit, the last of the page's own are left out.

    They are in the order in which the page declares them, whatever has the focus, so that those
    that matter most are there. Help, which has its place at the end, names the others.

    Textual's ``Footer`` is a widget for each key, and all of them are made anew whenever the focus
    moves: more than a third of what the whole UI computed in the tests that press its keys.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(STYLES)
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyLine {
        dock: bottom; height: 1; color: $footer-foreground; background: $footer-background;
        /* its foreground: an accent may be the colour of a way to answer */
        .key-line--key {
            color: $foreground; background: $footer-key-background; text-style: bold;
        }
        .key-line--name {
            color: $footer-description-foreground; background: $footer-description-background;
        }
        .key-line--hover { color: $footer-key-foreground; background: $block-hover-background; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[Key, ...] = ()
        self._pointed: Key | None = None

    def on_mount(self) -> None:
        """Follow what the keys of the page do."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_unmount(self) -> None:
        """The screen may outlive its line."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, screen: Screen[object]) -> None:
        if self.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._look)

    def on_resize(self) -> None:
        """Others fit."""
        self._look()

    def _look(self) -> None:
        if not self.is_attached:  # the page went away in the meantime
            return
        keys = tuple(self._fitting())
        if keys != self.keys:
            self.keys, self._pointed = keys, None
            self.refresh()

    def _fitting(self) -> list[Key]:
        own: dict[str, Key] = {}
        program: dict[str, Key] = {}
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled:
                keys = program if node is self.app else own
                keys.setdefault(binding.action, Key(binding, self.app.get_key_display(binding)))
        last = list(program.values())
        room = self.app.size.width - EDGE - sum(key.width + GAP for key in last) + GAP
        fitting = []
        for key in sorted(own.values(), key=self._rank):
            room -= key.width + GAP
            if room < 0:
                break
            fitting.append(key)
        return [*fitting, *last]

    def _rank(self, key: Key) -> int:
        """The place of a key among those of the page; those of widgets on it come first."""
        declared = [one.id for kind in type(self.screen).__mro__ for one in _bindings_of(kind)]
        return declared.index(key.binding.id) if key.binding.id in declared else -1

    def render(self) -> Text:
        """One line."""
        sign, name, hover = map(self.get_component_rich_style, STYLES)
        line = Text(" " * EDGE, no_wrap=True)
        for key in self.keys:
            pieces = (key.display, sign), (f" {key.binding.description}", name)
            piece = Text.assemble(*pieces, " " * GAP)
            if key is self._pointed:
                piece.stylize(hover, 0, key.width)
            line.append_text(piece)
        line.right_crop(GAP)
        return line

    def at(self, x: int) -> Key | None:
        """The key that stands in a column."""
        starts = [EDGE]
        for key in self.keys:
            starts.append(starts[-1] + key.width + GAP)
        place = bisect_right(starts, x) - 1
        inside = 0 <= place < len(self.keys) and x - starts[place] < self.keys[place].width
        return self.keys[place] if inside else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """As if the key were pressed."""
        if (key := self.at(event.x)) is not None:
            self.app.simulate_key(key.binding.key)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell which key is meant, and what it does."""
        self._point(self.at(event.x))

    def on_leave(self) -> None:
        """None is meant."""
        self._point(None)

    def _point(self, key: Key | None) -> None:
        if key is not self._pointed:
            self._pointed = key
            self.tooltip = (key.binding.tooltip or None) if key is not None else None
            self.refresh()


def _bindings_of(kind: type) -> list[Binding]:
    return [one for one in vars(kind).get("BINDINGS", ()) if isinstance(one, Binding)]

"""The conversation on the screen: one bubble for each message, the newest in sight."""

from __future__ import annotations

import json
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Collapsible, Markdown, Static
from textual.widgets.markdown import MarkdownStream

from shadow_mlx.generation.conversation import Turn
from shadow_mlx.terminal import visible
from shadow_mlx.words import counted


class Bubble(Vertical):
    """One message of the conversation, with who said it above it."""

    DEFAULT_CSS = """
    Bubble { height: auto; max-width: 90; padding: 0 1; margin-bottom: 1; }
    Bubble .head { height: auto; }
    Bubble .head Static { width: auto; }
    Bubble .head .note { width: 1fr; padding-left: 2; }
    Bubble .version { padding-left: 2; }
    Bubble .who { text-style: bold; }
    Bubble.-base .who { color: $way-base; }
    Bubble.-attached .who { color: $way-attached; }
    Bubble.-detached .who { color: $way-detached; }
    Bubble .note { color: $text-muted; }
    Bubble Markdown { margin: 0; padding: 0 2; background: transparent; }
    Bubble MarkdownFence { margin: 0; }
    Bubble MarkdownFence > Label { padding: 0 1; }
    Bubble .said { padding: 0 1; border-left: wide $primary; }
    Bubble Collapsible { border: none; padding: 0; margin: 0; background: transparent; }
    Bubble .thought { color: $text-muted; }
    Bubble.-former { text-opacity: 50%; }
    Bubble.-former * { text-opacity: 50%; }
    Bubble.-found { background: $boost; border-left: thick $accent; }
    """

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.turn = turn
        self.set_class(bool(turn.mode), f"-{turn.mode}")
        self._version = ""
        self._thought = Static("", classes="thought", markup=False)

    def number(self, version: int, of: int, *, marked: bool) -> None:
        """Which of its versions this is; marked, it is the one that the keys change."""
        said = f"{version}/{of}" if of > 1 else ""
        self._version = f"[ {said} ]" if marked and said else said
        self._draw_head()

    def compose(self) -> ComposeResult:
        """The person's words as they are; an answer as Markdown whose links lead nowhere."""
        with Horizontal(classes="head"):
            yield Static(visible(self.turn.who), classes="who", markup=False)
            yield Static(classes="version", markup=False)
            yield Static(classes="note", markup=False)
        if self.turn.role == "assistant":
            yield Collapsible(self._thought, title="")
            yield Markdown(shown(self.turn.text), open_links=False)
        else:
            yield Static(visible(self.turn.text), classes="said", markup=False)

    def on_mount(self) -> None:
        """What stands beside who said it."""
        self._draw_head()
        self.think(self.turn.reasoning)

    def _draw_head(self) -> None:
        for part, said in ((".version", self._version), (".note", visible(self.turn.note))):
            for static in self.query(part).results(Static):
                static.display = bool(said)
                static.update(said)

    def think(self, reasoning: str, *, ended: bool = True) -> None:
        """Fold away what was thought by now; nothing is shown where nothing was."""
        for folded in self.query(Collapsible):
            words = counted(len(reasoning.split()), "word")
            folded.display = bool(reasoning)
            folded.title = f"thought: {words}" if ended else f"thinking … {words}"
            self._thought.update(visible(reasoning))

    def stream(self) -> MarkdownStream:
        """Where the pieces of an answer go while it is made; stop it at the end."""
        return Markdown.get_stream(self.query_one(Markdown))

    def finish(self, turn: Turn) -> None:
        """The answer is complete."""
        self.turn = turn
        self.think(turn.reasoning)
        self._draw_head()
        if (text := shown(turn.text)) != visible(turn.text):
            self.query_one(Markdown).update(text)


class Transcript(VerticalScroll):
    """All bubbles of a conversation, and a word before the first one."""

    DEFAULT_CSS = """
    Transcript { height: 1fr; align-horizontal: center; }
    Transcript #empty { padding: 1 2; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._found = -1

    def compose(self) -> ComposeResult:
        """The word before the first message."""
        yield Static("", id="empty", markup=False)

    def on_mount(self) -> None:
        """Stay at the end while an answer grows."""
        self.anchor()

    def invite(self, text: str) -> None:
        """Say something while there is no message; nothing with empty text."""
        empty = self.query_one("#empty", Static)
        empty.display = bool(text)
        empty.update(text)

    async def say(self, turn: Turn) -> Bubble:
        """Add a message."""
        bubble = Bubble(turn)
        await self.mount(bubble)
        self.anchor()
        return bubble

    async def begin(self, turns: Sequence[Turn], *, keep: bool) -> list[Bubble]:
        """Have these turns on the screen, for an answer to come.

        Returns the bubbles after them: those that the answer replaces. Without ``keep`` they go.
        """
        bubbles, at = list(self.query(Bubble)), 0
        if keep:
            self.set_former(len(turns))
            return bubbles[len(turns) :]
        while at < min(len(bubbles), len(turns)) and bubbles[at].turn == turns[at]:
            at += 1
        for bubble in bubbles[at:]:
            await bubble.remove()
        for turn in turns[at:]:
            await self.say(turn)
        return []

    def number(self, places: Sequence[tuple[int, int]], marked: int | None) -> None:
        """Say of each message which of how many versions it is."""
        for i, (bubble, place) in enumerate(zip(self.query(Bubble), places, strict=False)):
            bubble.number(*place, marked=i == marked)

    def bring(self, place: int) -> None:
        """Have a message in sight."""
        list(self.query(Bubble))[place].scroll_visible(top=True)

    def fold(self) -> bool:
        """Open what was thought before each answer, or fold it away; whether there is such."""
        folded = [one for one in self.query(Collapsible) if one.display]
        closed = any(one.collapsed for one in folded)
        for one in folded:
            one.collapsed = not closed
        return bool(folded)

    def set_former(self, first: int) -> None:
        """Show the bubbles from this one on as about to be replaced, and no others."""
        for i, bubble in enumerate(self.query(Bubble)):
            bubble.set_class(i >= first, "-former")

    async def show(self, turns: Sequence[Turn]) -> None:
        """Show another conversation."""
        self._found = -1
        with self.app.batch_update():
            await self.query(Bubble).remove()
            await self.mount_all(Bubble(turn) for turn in turns)

    def find(self, wanted: str) -> bool:
        """Mark the next message that says this, and bring it into sight."""
        bubbles = list(self.query(Bubble))
        hits = [i for i, b in enumerate(bubbles) if wanted.lower() in b.turn.text.lower()]
        self.query(Bubble).remove_class("-found")
        if not hits:
            return False
        self._found = next((i for i in hits if i > self._found), hits[0])
        bubbles[self._found].add_class("-found")
        bubbles[self._found].scroll_visible()
        return True


def shown(text: str) -> str:
    """An answer as Markdown; one that is JSON as a whole is code, in the colours of code."""
    said = visible(text)
    if said.lstrip()[:1] not in ("{", "["):
        return said
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return said
    return f"~~~~json\n{said}\n~~~~"

"""The columns of one line: each is taken by what reads it, or is left over and named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shadow_mlx.data.reading.columns import suggestion
from shadow_mlx.data.reading.findings import Findings, empty, parsed, without_nulls
from shadow_mlx.data.reading.messages import Message, read_messages
from shadow_mlx.data.reading.problems import quoted

BLANK_LINE = "\n\n"
"""Stands between the columns of a prompt that is made of several."""

SYSTEM = ("system", "system_prompt")
HISTORY = "history"
OPTIONS = "chat_template_kwargs"

RESERVED = (
    *("conversation", "messages", "tools", "chat_template", "tokenize", "add_generation_prompt"),
    *("continue_final_message", "padding", "truncation", "max_length", "return_tensors"),
    *("return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs"),
)
"""Variables of a template that are no line's to set."""


class Line:
    """The object of a line. Each column that is asked for counts as read."""

    def __init__(self, value: Mapping[str, Any], findings: Findings) -> None:
        self.value = value
        self.findings = findings
        self._read: set[str] = set()

    def free(self, name: str) -> bool:
        """Whether a column is there, says something, and nothing has read it so far."""
        return name not in self._read and not empty(self.value.get(name))

    def take(self, name: str) -> Any:
        """What stands in a column; ``None`` without it."""
        self._read.add(name)
        return self.value.get(name)

    def unread(self) -> tuple[str, ...]:
        """The columns that say something and were never asked for."""
        return tuple(sorted(filter(self.free, self.value)))

    def required(self, name: str) -> Any:
        """What stands in a column that must be there."""
        if name not in self.value:
            self._miss(name)
        return self.take(name)

    def text(self, name: str) -> str:
        """The text of a column that must have one; empty where something is wrong with it."""
        missing = name not in self.value
        text = self.required(name)
        if isinstance(text, str) and text.strip():
            return text
        if isinstance(text, str):
            self.findings.refuse(f"'{name}' is empty", "text")
        elif not missing:
            self.findings.refuse(f"'{name}' is {quoted(text)}", "text")
        return ""

    def texts(self, names: list[str]) -> str:
        """The text of several columns, joined; those that are empty or not there are left out."""
        found = {name: self.take(name) for name in names}
        wrong = {name: x for name, x in found.items() if x is not None and not isinstance(x, str)}
        for name, value in wrong.items():
            self.findings.refuse(f"'{name}' is {quoted(value)}", "text")
        texts = [x for x in found.values() if isinstance(x, str) and x.strip()]
        listed = " and ".join(map(repr, names))
        if not any(name in self.value for name in names):
            found_instead = f"neither {listed} ({quoted(dict(self.value))})"
            self.findings.refuse(found_instead, "the columns that were named")
        elif not texts and not wrong:
            self.findings.refuse(f"{listed} are empty", "text")
        return BLANK_LINE.join(texts)

    def system(self) -> str:
        """The text of the system columns; empty without any."""
        said: dict[str, str] = {}
        for name in filter(self.free, SYSTEM):
            text = self.take(name)
            if not isinstance(text, str):
                self.findings.refuse(f"'{name}' is {quoted(text)}", "text")
            elif text.strip():
                said.setdefault(text, name)
        if len(said) > 1:
            self.findings.refuse("different texts in 'system' and 'system_prompt'", "one of them")
        return next(iter(said), "")

    def history(self) -> tuple[Message, ...]:
        """The turns before a prompt: pairs of question and answer, or messages."""
        if not self.free(HISTORY):
            return ()
        turns = self.value[HISTORY]
        if not isinstance(turns, list):
            return ()  # some other history: no conversation
        if all(isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in turns):
            return read_messages(self.take(HISTORY), self.findings, HISTORY, answered=False)
        if not any(isinstance(turn, list) and len(turn) == 2 for turn in turns):
            return ()
        self.take(HISTORY)
        return tuple(message for i, turn in enumerate(turns, 1) for message in self._pair(turn, i))

    def _pair(self, turn: Any, number: int) -> list[Message]:
        expected = "a question and an answer, both text"
        if not isinstance(turn, list) or len(turn) != 2:
            self.findings.refuse(f"turn {number} of 'history' is {quoted(turn)}", expected)
            return []
        question, answer = turn
        if not isinstance(question, str | None):
            self.findings.refuse(f"turn {number} of 'history' asks {quoted(question)}", expected)
        elif not isinstance(answer, str) or not answer.strip():
            self.findings.refuse(f"turn {number} of 'history' answers {quoted(answer)}", expected)
        else:
            said = {"role": "assistant", "content": answer}
            return (
                [{"role": "user", "content": question}, said]
                if (question or "").strip()
                else [said]
            )
        return []

    def options(self) -> Mapping[str, Any]:
        """Variables that the line sets in the chat template."""
        value = self.take(OPTIONS)
        options = parsed(value or None, f"'{OPTIONS}' is", self.findings)
        if options is None:
            return {}
        if not isinstance(options, dict):
            self.findings.refuse(f"'{OPTIONS}' is {quoted(value)}", "a JSON object")
            return {}
        for name in RESERVED:
            if options.get(name) is not None:
                expected = "variables of the chat template only"
                self.findings.refuse(f"'{OPTIONS}' sets '{name}'", expected)
        return without_nulls(options)

    def _miss(self, name: str) -> None:
        if name in ("prompt", "completion"):
            flags = suggestion(self.value)
            hint = f"; or name the columns: {flags}" if flags else ""
            self.findings.refuse(f"no '{name}'", f"'prompt' and 'completion' together{hint}")
            return
        found = f"no '{name}' ({quoted(dict(self.value))})"
        self.findings.refuse(found, "the column that was named")

"""What must hold of an example, told from the template's own text and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import numpy as np

from shadow_mlx.data.reading.schema import Record
from shadow_mlx.data.tokens import Whole
from tests.data.families import Family

TAGS = (
    *("<think>", "</think>", "[THINK]", "[/THINK]", "<seed:think>", "</seed:think>"),
    *("<|START_THINKING|>", "<|END_THINKING|>"),
)


@dataclass(frozen=True)
class Asked:
    """How generation asks for the answers of a record."""

    family: Family
    tokenizer: Any
    record: Record
    variables: dict[str, Any]
    _texts: dict[tuple[int, bool], str | None] = field(default_factory=dict)

    def text(self, end: int, prompt: bool) -> str | None:
        """The template's text of the first messages; None where it refuses."""
        if (end, prompt) not in self._texts:
            self._texts[end, prompt] = self._text(end, prompt)
        return self._texts[end, prompt]

    def _text(self, end: int, prompt: bool) -> str | None:
        messages = [self._own(message) for message in self.record.messages[:end]]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages,
                    tools=list(self.record.tools) if self.record.tools else None,
                    add_generation_prompt=prompt,
                    tokenize=False,
                    **self.variables,
                )
            )
        except (jinja2.TemplateError, TypeError, ValueError):
            return None

    def prompt(self, k: int) -> list[int] | None:
        """The ids of the prompt of message ``k``."""
        text = self.text(k, True)
        return None if text is None else self.tokenizer.encode(text, add_special_tokens=False)

    def _own(self, message: Any) -> dict[str, Any]:
        own = {
            (self.family.reasoning if key == "reasoning_content" else key): value
            for key, value in message.items()
        }
        if self.family.text_arguments and "tool_calls" in own:
            own["tool_calls"] = [
                {**c, "function": {**c["function"], "arguments": _json(c["function"]["arguments"])}}
                for c in own["tool_calls"]
            ]
        return own

    @property
    def wanted(self) -> list[int]:
        """The answers that are to be trained."""
        return [
            k
            for k, message in enumerate(self.record.messages)
            if message["role"] == "assistant" and message.get("weight") != 0
        ]


def spans(whole: Whole, stop: Collection[int]) -> Iterator[tuple[list[int], int, int]]:
    """Each trained answer: the tokens of its example, its beginning and its end.

    Two answers may follow one upon the other, where a template puts nothing between them.
    """
    for example in whole.examples:
        tokens = example.tokens.tolist()
        edges = np.flatnonzero(np.diff(np.concatenate([[0], example.supervised, [0]])))
        for a, b in edges.reshape(-1, 2):
            start = int(a)
            for end in range(start + 1, int(b) + 1):
                if tokens[end - 1] in stop or end == b:
                    yield tokens, start, end
                    start = end


def squeezed(text: str) -> str:
    return "".join(text.split())


def reasonings_of(message: Any) -> list[str]:
    """The reasoning of an answer, from its key and from its text."""
    found = [str(message["reasoning_content"])] if "reasoning_content" in message else []
    content = str(message["content"])
    if content.startswith("<think>") and "</think>" in content:
        found.append(content[len("<think>") : content.index("</think>")])
    return found


def words_of(message: Any) -> str:
    content = str(message["content"])
    if content.startswith("<think>") and "</think>" in content:
        return content[content.index("</think>") + len("</think>") :]
    return content


def calls_of(message: Any) -> list[tuple[str, Any]]:
    functions = [call["function"] for call in message.get("tool_calls") or []]
    return [(function["name"], function["arguments"]) for function in functions]


def without(text: str, parts: Iterable[str]) -> set[str]:
    """What may be left of a text when each part that it holds is taken out once.

    There is more than one way where a part stands in several places: ``|`` is a letter of
    ``<|START_RESPONSE|>``, too.
    """
    left = {text}
    for part in filter(None, parts):
        left = {
            one[:at] + one[at + len(part) :] if at >= 0 else one
            for one in left
            for at in ([m.start() for m in re.finditer(f"(?={re.escape(part)})", one)] or [-1])
        }
    return left


def lacks(message: Any, body: str) -> list[str]:
    """What of an answer, its reasoning aside, is not in a text."""
    shown = squeezed(body)
    missing = [] if squeezed(words_of(message)) in shown else [words_of(message)]
    names = Counter(name for name, _ in calls_of(message))
    missing += [name for name, count in names.items() if body.count(name) < count]
    for _, arguments in calls_of(message):
        missing += [
            value
            for value in leaves(arguments)
            if not any(squeezed(form) in shown for form in forms(value))
        ]
    return missing


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def forms(value: Any) -> Sequence[str]:
    """As templates write a value: as it is, or as JSON, for HTML too (transformers' does not)."""
    if isinstance(value, str):
        return value, _json(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    return _json(value), str(value)


def _json(value: Any) -> str:
    return json.dumps(value)


def written(tokenizer: Any, ids: Sequence[int]) -> str:
    """Tokens as generation hands them out."""
    pieces = tokenizer.detokenizer
    for token in ids:
        pieces.add_token(token)
    pieces.finalize()
    return str(pieces.text)

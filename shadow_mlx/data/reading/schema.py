"""One line of JSON to one record: the four formats, and every way a line can break them.

Chat       ``{"messages": [{"role": …, "content": …}, …], "tools": […]}``
Completion ``{"prompt": …, "completion": …}``
Label      ``{"text": …, "label": …}``
Text       ``{"text": …}``

The columns may have other names, where :class:`~shadow_mlx.config.ColumnConfig` tells them. Every
column and every key is used, refused, or named: in ``unread``, ``message_keys`` or ``notices``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.calls import unpadded
from shadow_mlx.data.reading.columns import (
    AS_NAMED,
    Kind,
    format_of,
    prompt_columns,
    unknown_format,
)
from shadow_mlx.data.reading.fields import BLANK_LINE, Line
from shadow_mlx.data.reading.findings import Findings
from shadow_mlx.data.reading.labels import UNNAMED, Labels
from shadow_mlx.data.reading.messages import Message, note_unanswered, read_messages
from shadow_mlx.data.reading.notices import Notices
from shadow_mlx.data.reading.problems import quoted
from shadow_mlx.data.reading.strict_json import ONE_OBJECT, InvalidLineError, read_json
from shadow_mlx.data.reading.tools import COLUMNS as TOOLS
from shadow_mlx.data.reading.tools import ToolBox, declared

__all__ = ["InvalidLineError", "Kind", "Message", "Record", "parse", "read_object"]


@dataclass(frozen=True)
class Record:
    """One validated example.

    Attributes:
        kind: Its format.
        line: Where it stands in its file, from 1.
        messages: The conversation of a chat, a completion or a label, normalised for chat
            templates as :func:`~shadow_mlx.data.reading.messages.read_messages` says.
        tools: Descriptions of the functions that may be called.
        prompt: What is asked in a completion, for models without a chat template: the system
            text, the earlier turns and the question, joined by blank lines.
        completion: The answer of a completion.
        text: A plain text, or the one that has a label.
        options: Variables that the line sets in the chat template.
        unread: Its columns that nothing reads.
        message_keys: Keys of its messages and calls that only some chat templates read.
        absent: Its named columns that are not there, of several that make a prompt.
        notices: What is left out of it, or stands out.
    """

    kind: Kind
    line: int
    messages: tuple[Message, ...] = ()
    tools: tuple[Mapping[str, Any], ...] | None = None
    prompt: str = ""
    completion: str = ""
    text: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    message_keys: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    notices: Notices = field(default_factory=Counter)

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of a text, and of other records none."""
        return (str(self.messages[-1]["content"]),) if self.kind == "label" else ()


def parse(
    raw: bytes, line: int, columns: ColumnConfig = AS_NAMED, labels: Labels = UNNAMED
) -> Record:
    """Read one line (without its newline).

    Args:
        raw: Its bytes.
        line: Its number, from 1.
        columns: Which of its columns hold what.
        labels: What its file tells of labels.

    Raises:
        UnknownFormatError: Its columns belong to none of the formats.
        InvalidLineError: With every problem of the line, not only the first.
    """
    value = read_object(raw)
    kind = format_of(value, columns)
    if kind is None:
        raise unknown_format(value)
    findings = Findings()
    record = _read_record(kind, Line(value, findings), line, columns, labels)
    if findings.problems:
        raise InvalidLineError(findings.problems)
    return record


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a line.

    Raises:
        InvalidLineError: The line is something else.
    """
    value = read_json(raw)
    if not isinstance(value, dict):
        hint = " (a JSON array? write one object a line)" if isinstance(value, list) else ""
        raise InvalidLineError([(quoted(value) + hint, ONE_OBJECT)])
    return value


def _read_record(
    kind: Kind, line: Line, number: int, columns: ColumnConfig, labels: Labels
) -> Record:
    if kind == "text":
        text = line.text(columns.text_feature or "text")
        return Record(kind, number, text=text, unread=line.unread())
    if kind == "label":
        of_text, of_label = columns.text_feature or "text", columns.label_feature or "label"
        return _label(line, number, of_text, of_label, labels)
    if kind == "chat":
        column = columns.chat_feature or "messages"
        return _chat(line, number, [(column, line.required(column))])
    names = prompt_columns(line.value, columns)
    answer = columns.completion_feature or "completion"
    if any(_is_talk(line.value.get(name)) for name in (*names[:1], answer)):
        asked = line.required(names[0]) if len(names) == 1 else line.texts(names)
        return _chat(line, number, [(names[0], asked), (answer, line.required(answer))])
    return _completion(line, number, names, answer)


def _is_talk(value: Any) -> bool:
    """Whether a column holds messages: an array of objects, or a single one."""
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, dict) and ("role" in one or "from" in one)


def _chat(line: Line, number: int, parts: Sequence[tuple[str, Any]]) -> Record:
    """A chat in one column; or in two, of which the second is trained and the first is not."""
    findings = line.findings
    if findings.problems:  # a column is missing
        return Record("chat", number)
    box = ToolBox(findings)
    read: list[Message] = []
    for i, (column, value) in enumerate(parts):
        last = i == len(parts) - 1
        if len(parts) > 1 and isinstance(value, str):
            value = [{"role": "assistant" if last else "user", "content": value}]
        messages = read_messages(box.lift(value), findings, column, answered=last)
        read += messages if last else map(_shown_only, messages)
    return _conversation(line, number, "chat", tuple(read), box)


def _shown_only(message: Message) -> Message:
    """A message of a prompt: context, unless its own flag says otherwise."""
    return {"weight": 0, **message} if message.get("role") == "assistant" else message


def _label(line: Line, number: int, of_text: str, of_label: str, labels: Labels) -> Record:
    """A person says the text, and the label is the answer."""
    text = line.text(of_text)
    value = line.required(of_label)
    label = labels.read(value, of_label, line.findings) if of_label in line.value else ""
    messages = (
        {"role": "user", "content": labels.question(text)},
        {"role": "assistant", "content": label},
    )
    record = _conversation(line, number, "label", messages, ToolBox(line.findings))
    return replace(record, text=text)


def _completion(line: Line, number: int, names: list[str], answer: str) -> Record:
    absent = tuple(name for name in names if name not in line.value)
    question = line.text(names[0]) if len(names) == 1 else line.texts(names)
    completion = line.text(answer)
    turns = line.history()
    messages = (
        *turns,
        {"role": "user", "content": question},
        {"role": "assistant", "content": completion},
    )
    record = _conversation(line, number, "completion", messages, ToolBox(line.findings))
    before = [str(message.get("content", "")) for message in record.messages[:-1]]
    prompt = BLANK_LINE.join(filter(str.strip, before))
    return replace(record, prompt=prompt, completion=completion, absent=absent)


def _conversation(
    line: Line, number: int, kind: Kind, messages: tuple[Message, ...], box: ToolBox
) -> Record:
    """The messages, with what further columns say of them."""
    findings = line.findings
    for key in TOOLS:
        if line.free(key):
            box.add(key, line.take(key), f"'{key}'")
    tools = box.tools()
    messages = unpadded(messages, declared(tools), findings)
    system = line.system()
    if system:
        messages = _with_system(system, messages, findings)
    note_unanswered(messages, findings)
    return Record(
        kind,
        number,
        messages=messages,
        tools=tools,
        options=line.options(),
        unread=line.unread(),
        message_keys=tuple(sorted(findings.keys)),
        notices=findings.notices,
    )


def _with_system(
    system: str, messages: tuple[Message, ...], findings: Findings
) -> tuple[Message, ...]:
    """The conversation with a system text in front, where it does not begin with the same."""
    if not messages or messages[0].get("role") != "system":
        return ({"role": "system", "content": system}, *messages)
    if messages[0]["content"].strip() != system.strip():
        findings.refuse("a system column and another system message", "one system text")
    return messages

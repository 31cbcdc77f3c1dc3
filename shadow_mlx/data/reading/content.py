"""What a message says, as text: a text already, or parts of a content."""

from __future__ import annotations

from typing import Any

from shadow_mlx.data.reading.findings import PART_KEYS, Findings, empty
from shadow_mlx.data.reading.problems import quoted

_TEXTS = ("text", "input_text", "output_text")
"""Types of a part that holds text: OpenAI's old and new ones."""

_THOUGHTS = ("thinking", "reasoning")
"""Types of a part that holds reasoning."""


def read_content(content: Any, where: str, findings: Findings) -> tuple[str, str]:
    """The words of a content, and the reasoning among its parts; both perhaps empty."""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list):
        findings.refuse(f"{where} has the content {quoted(content)}", "text")
        return "", ""
    words: list[str] = []
    thoughts: list[str] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else part
        key = kind if isinstance(part, dict) and kind in _THOUGHTS else "text"
        text = _text_of(part.get(key)) if isinstance(part, dict) else None
        if text is None or kind not in (*_TEXTS, *_THOUGHTS):
            found = f"{where} has a content part of type {quoted(kind)}"
            findings.refuse(found, 'parts {"type": "text", "text": …} only')
            return "", ""
        (thoughts if kind in _THOUGHTS else words).append(text)
        more = [name for name in part if name not in ("type", key) and not empty(part[name])]
        findings.note(PART_KEYS, bool(more))
    return "".join(words), "".join(thoughts)


def _text_of(value: Any) -> str | None:
    """A text, or the texts of parts inside a part; ``None`` for anything else."""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        texts = [part.get("text") for part in value]
        return "".join(map(str, texts)) if all(type(text) is str for text in texts) else None
    return value if isinstance(value, str) else None

"""What a model thinks before it answers: between which words it stands, and what stands behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


class Tags(NamedTuple):
    """The words that open and close a stretch of reasoning."""

    start: str
    end: str


TAGS = (
    Tags("<think>", "</think>"),  # Qwen, DeepSeek, GLM, Nemotron, SmolLM, …
    Tags("<thinking>", "</thinking>"),
    Tags("<thought>", "</thought>"),
    Tags("<reasoning>", "</reasoning>"),
    Tags("[THINK]", "[/THINK]"),  # Magistral
    Tags("<seed:think>", "</seed:think>"),  # Seed-OSS
    Tags("<longcat_think>", "</longcat_think>"),  # LongCat
    Tags("<|think:start|>", "<|think:end|>"),
    Tags("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    Tags("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    Tags("<|channel>thought", "<channel|>"),  # Gemma 4
    Tags("<|channel|>analysis<|message|>", "<|end|>"),  # gpt-oss
)


class Opening(NamedTuple):
    """How a prompt ends that has begun the reasoning of its answer, or has left it empty."""

    tags: Tags
    text: str
    closed: bool


def opening_of(prompt: str) -> Opening | None:
    """The reasoning that a prompt opens at its end (``<think>⏎``), or opens and closes."""
    bare = prompt.rstrip()
    for tags in TAGS:
        if bare.endswith(tags.start):
            return Opening(tags, prompt[len(bare) - len(tags.start) :], closed=False)
        if bare.endswith(tags.end):
            before = bare[: -len(tags.end)].rstrip()
            empty = before.endswith(tags.start)
            begin = len(before) - len(tags.start) if empty else len(bare) - len(tags.end)
            return Opening(tags, prompt[begin:], closed=True)
    return None


@dataclass(frozen=True)
class Thoughts:
    """An answer in two parts. ``unfinished`` tells that the reasoning was never closed."""

    reasoning: str
    words: str
    unfinished: bool = False


def split(text: str, opened: Tags | None = None) -> Thoughts:
    """Take the reasoning at the beginning of an answer from what is said.

    Args:
        text: An answer, or as much of it as there is.
        opened: The tags of the reasoning that the prompt has opened already.
    """
    bare = text.lstrip()
    for tags in (opened,) if opened else TAGS:
        if bare.startswith(tags.start):
            inside = bare[len(tags.start) :]
        elif opened:
            inside = text
        else:
            continue
        reasoning, closed, words = inside.partition(tags.end)
        if not closed:
            return Thoughts(reasoning.strip(), "", unfinished=True)
        return Thoughts(reasoning.strip(), words.lstrip())
    return Thoughts("", text)


def once(text: str) -> str:
    """``text`` without an empty reasoning that a template has put in front of another one."""
    for tags in TAGS:
        start, end = re.escape(tags.start), re.escape(tags.end)
        double = re.match(rf"\s*(?:{start})?\s*{end}\s*(?={start})", text)
        if double:
            return text[double.end() :]
    return text

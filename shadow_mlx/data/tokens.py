"""Records to examples: tokens, and the mask of the tokens that are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from shadow_mlx.config import LengthPolicy
from shadow_mlx.data.dataset import EncodedDataset, EncodingCounts, Example
from shadow_mlx.data.markers import encode_marked, has_markers
from shadow_mlx.data.problems import InvalidDataError, Problem
from shadow_mlx.data.records import Records
from shadow_mlx.data.rendering import guarded
from shadow_mlx.data.schema import Message, Record
from shadow_mlx.data.template import Ending, Rendered, TemplateError, render_chat
from shadow_mlx.data.tokenizing import Tokenizing
from shadow_mlx.errors import DataError

__all__ = ["EncodedDataset", "Encoder", "Example", "encode_all", "refused"]

CHUNK = 256
"""Records that are tokenised together."""

MAX_PROBLEMS = 200
"""Conversations that the template may refuse before the rest is left unread."""


class Encoder:
    """Turns records into examples for one tokenizer.

    Args:
        tokenizer: One of mlx-lm's ``TokenizerWrapper``s.
        max_seq_length: Tokens of the longest example.
        mask_prompt: Train assistant turns and completions only, not the whole text.
        too_long: Whether a longer example is cut at its end or dropped.
    """

    def __init__(
        self,
        tokenizer: Any,
        max_seq_length: int = 2048,
        mask_prompt: bool = True,
        too_long: LengthPolicy = "truncate",
    ) -> None:
        self.tokenizer = tokenizer
        self.max_seq_length = max_seq_length
        self.mask_prompt = mask_prompt
        self.too_long = too_long
        self._tokenizing = Tokenizing(tokenizer)
        words = self._tokenizing
        self._ending = Ending(words.stop_words(), words.special_words(), words.end_word())
        self._marked = has_markers(tokenizer)

    def encode(self, record: Record) -> list[Example]:
        """The examples of one record, those that :meth:`fit` drops left out.

        One, or several where the chat template rewrites the earlier turns of a conversation.

        Raises:
            TemplateError: When the chat template refuses the conversation.
            DataError: When the record is a chat and the tokenizer has no chat template.
        """
        whole = self.tokenise([self.render(record)])[0]
        return [fitted for example in whole if (fitted := self.fit(example)) is not None]

    def fit(self, example: Example) -> Example | None:
        """Cut an example to the longest length; ``None`` when nothing trainable is left of it."""
        n = self.max_seq_length
        if len(example.tokens) > n:
            if self.too_long == "drop":
                return None
            supervised = example.supervised[:n]
            n = int(np.flatnonzero(supervised)[-1]) + 1 if supervised.any() else 0
            # what stands behind the last trained token would teach nothing
            example = Example(example.tokens[:n], supervised[:n], truncated=True)
        return example if example.supervised.any() else None

    def render(self, record: Record) -> list[Rendered | Example]:
        """The texts of a record (already tokenised where the template marks the answers)."""
        if record.kind == "text":
            return [Rendered(record.text, ((0, len(record.text)),), bare=True)]
        if record.kind == "chat":
            return self._render_chat(record.messages, record.tools)
        if self.tokenizer.has_chat_template:
            question = {"role": "user", "content": record.prompt}
            answer = {"role": "assistant", "content": record.completion}
            return self._render_chat([question, answer], None)
        text = record.prompt + record.completion
        start = len(record.prompt) if self.mask_prompt else 0
        return [Rendered(text, ((start, len(text)),), bare=True)]

    def _render_chat(
        self, messages: Sequence[Message], tools: Sequence[Any] | None
    ) -> list[Rendered | Example]:
        if not self.tokenizer.has_chat_template:
            raise DataError(
                "The data are chats, and this model's tokenizer has no chat template. Use the "
                "instruct version of the model, put a chat_template.jinja into its folder, or "
                "give data with 'prompt' and 'completion', or 'text'."
            )
        shown = list(tools) if tools else None

        def apply(messages: Sequence[Message], add_generation_prompt: bool) -> str:
            text = self.tokenizer.apply_chat_template(
                list(messages),
                tools=shown,
                add_generation_prompt=add_generation_prompt,
                tokenize=False,
            )
            return str(text)

        render = guarded(apply)
        if not self.mask_prompt:
            whole = render(messages, False)
            return [Rendered(whole, ((0, len(whole)),))]
        if self._marked:
            render(messages, False)  # so that a refusal is a TemplateError
            marked = encode_marked(self.tokenizer, self._tokenizing, messages, shown)
            if marked is not None:
                return [marked]
        return list(render_chat(render, messages, self._ending))

    def tokenise(self, rendered: Sequence[Sequence[Rendered | Example]]) -> list[list[Example]]:
        """Tokenise what :meth:`render` gave for several records, not yet cut to length."""
        texts = [item for items in rendered for item in items if isinstance(item, Rendered)]
        tokenised = iter(self._tokenizing(texts))
        return [
            [item if isinstance(item, Example) else next(tokenised) for item in items]
            for items in rendered
        ]


def encode_all(
    records: Records, encoder: Encoder, progress: Callable[[int, int], None] | None = None
) -> EncodedDataset:
    """Encode every record, in order.

    Args:
        records: A file or a part of one.
        encoder: How.
        progress: Called now and then with the records done and their number.

    Raises:
        InvalidDataError: With file and line of every conversation that the template refuses.
        DataError: When the records are chats and the tokenizer has no chat template.
    """
    counts = EncodingCounts(records=len(records))
    return EncodedDataset(_encoded(records, encoder, counts, progress), counts)


def _encoded(
    records: Records,
    encoder: Encoder,
    counts: EncodingCounts,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[int, Example]]:
    """The examples with their record's index; ``counts`` grows as they are drawn."""
    problems: list[Problem] = []
    for start in range(0, len(records), CHUNK):
        chunk = range(start, min(start + CHUNK, len(records)))
        rendered: list[list[Rendered | Example]] = []
        for i in chunk:
            try:
                rendered.append(encoder.render(records[i]))
            except TemplateError as error:
                rendered.append([])
                problems.append(refused(records, i, error))
            else:
                counts.dropped_unsupervised += not rendered[-1]  # every turn has the weight 0
        if len(problems) > MAX_PROBLEMS:
            break
        for i, texts, whole in zip(chunk, rendered, encoder.tokenise(rendered), strict=True):
            counts.split_records += len(texts) > 1
            counts.probed += sum(isinstance(text, Rendered) and text.probed for text in texts)
            for example in whole:
                fitted = _count(encoder, example, counts)
                if fitted is not None:
                    yield i, fitted
        if progress is not None:
            progress(chunk.stop, len(records))
    if problems:
        raise InvalidDataError(problems)


def _count(encoder: Encoder, example: Example, counts: EncodingCounts) -> Example | None:
    fitted = encoder.fit(example)
    if fitted is None:
        too_long = len(example.tokens) > encoder.max_seq_length and encoder.too_long == "drop"
        counts.dropped_too_long += too_long
        counts.dropped_unsupervised += not too_long
        return None
    counts.examples += 1
    counts.truncated += fitted.truncated
    counts.tokens += len(fitted.tokens)
    counts.supervised_tokens += int(fitted.supervised.sum())
    return fitted


def refused(records: Records, i: int, error: TemplateError) -> Problem:
    """Record ``i``, which the chat template does not take, as a problem of its file."""
    found = f"a conversation that the model's chat template refuses ({error})"
    return Problem(records.path, records.line_number(i), found, "roles as this model takes them")

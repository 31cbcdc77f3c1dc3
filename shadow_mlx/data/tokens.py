"""Records to examples: tokens, and the mask of the tokens that are trained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shadow_mlx.backbones.positions import PositionLimit
from shadow_mlx.config import DataConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.chat.ending import special_words
from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.chat.turns import Talk, Turn, prompt_of, roles_left_out, turn_of
from shadow_mlx.data.dataset import EncodedDataset, EncodingCounts, Example
from shadow_mlx.data.reach import longest_example
from shadow_mlx.data.reading.notices import (
    NO_TEMPLATE,
    UNASKED,
    UNSHOWN_REASONING,
    Notices,
    left_out,
    special_token,
    unread_key,
)
from shadow_mlx.data.reading.problems import InvalidDataError, Problem
from shadow_mlx.data.reading.records import Records
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.errors import DataError

__all__ = ["EncodedDataset", "Encoder", "Example", "Whole", "encode_all", "refused"]

AS_DECLARED = DataConfig()
"""No option given."""

CHUNK = 256
"""Records that are tokenised together."""

BLOCK = 32
"""Turns of a conversation that are read before a look at whether the rest is out of reach."""

MAX_PROBLEMS = 200
"""Conversations that the template may refuse before the rest is left unread."""


@dataclass
class Whole:
    """What one record becomes, before it is cut to length.

    Attributes:
        examples: One, or several where the chat template rewrites earlier turns.
        notices: What a person should know of it.
        out_of_reach: Answers that were not encoded, for their prompts are longer than an example
            may be.
        refusal: Why there is nothing: the template's own reason.
    """

    examples: list[Example] = field(default_factory=list)
    notices: Notices = field(default_factory=Counter)
    out_of_reach: int = 0
    refusal: TemplateError | None = None


@dataclass(frozen=True)
class _TurnIds:
    """One answer as ids; ``end`` is the token that is missing at its end."""

    prompt: list[int]
    answer: list[int]
    end: int | None


class Encoder:
    """Turns records into examples for one tokenizer.

    Args:
        tokenizer: One of mlx-lm's ``TokenizerWrapper``s.
        options: How examples are made, how long they may be, and what is trained of them.
        limit: The positions of the model that reads them, if it tells.

    Attributes:
        longest: Tokens of the longest example, by the options and the model.
    """

    def __init__(
        self,
        tokenizer: Any,
        options: DataConfig = AS_DECLARED,
        limit: PositionLimit | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.options = options
        self.longest = longest_example(options.max_seq_length, limit)
        self.format = ChatFormat(tokenizer, options.template)
        words = sorted({word for word in special_words(tokenizer) if word}, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, words)) or r"(?!)")

    def encode(self, record: Record) -> list[Example]:
        """The examples of one record, those that :meth:`fit` drops left out.

        Raises:
            TemplateError: When the chat template refuses the conversation.
            DataError: When the record is a chat and the tokenizer has no chat template.
        """
        (whole,) = self.encode_many([record])
        if whole.refusal is not None:
            raise whole.refusal
        return [fitted for one in whole.examples if (fitted := self.fit(one)) is not None]

    def fit(self, example: Example) -> Example | None:
        """Cut an example to the longest length; ``None`` when nothing trainable is left of it."""
        n = self.longest
        if len(example.tokens) > n:
            if self.options.too_long == "drop":
                return None
            supervised = example.supervised[:n]
            n = int(np.flatnonzero(supervised)[-1]) + 1 if supervised.any() else 0
            # what stands behind the last trained token would teach nothing
            example = Example(example.tokens[:n], supervised[:n], truncated=True)
        return example if example.supervised.any() else None

    def keep(self, whole: Whole, counts: EncodingCounts) -> list[Example]:
        """The examples of a record, cut to length; what becomes of each is counted."""
        counts.notices.update(whole.notices)
        counts.answers_cut += whole.out_of_reach
        counts.split_records += len(whole.examples) > 1
        counts.dropped_unsupervised += not whole.examples  # every answer has the weight 0
        kept = []
        for example in whole.examples:
            fitted = self.fit(example)
            if fitted is None:
                too_long = len(example.tokens) > self.longest and self.options.too_long == "drop"
                counts.dropped_too_long += too_long
                counts.dropped_unsupervised += not too_long
                continue
            counts.examples += 1
            counts.truncated += fitted.truncated
            counts.answers_cut += example.answers - fitted.answers
            counts.tokens += len(fitted.tokens)
            counts.supervised_tokens += int(fitted.supervised.sum())
            kept.append(fitted)
        return kept

    def encode_many(self, records: Sequence[Record]) -> list[Whole]:
        """What each record becomes, not yet cut to length; tokenised together.

        Raises:
            DataError: When a record is a chat and the tokenizer has no chat template.
        """
        readings = [self._begin(record) for record in records]
        while waiting := [reading for reading in readings if reading.pending]:
            blocks = [(reading, self._next_turns(reading)) for reading in waiting]
            tokenised = iter(self._tokenise([turn for _, turns in blocks for turn in turns]))
            for reading, turns in blocks:
                reading.ids += [next(tokenised) for _ in turns]
                self._leave_out_of_reach(reading)
        return [self._finish(reading) for reading in readings]

    def _begin(self, record: Record) -> _Reading:
        reading = _Reading(record, Talk(record.messages, record.tools, record.options))
        reading.whole.notices.update(self._findings(record))
        if record.kind == "text":
            reading.whole.examples = [self._plain_text(record.text)]
        elif record.kind == "completion" and not self.format.template.exists:
            turn = Turn(record.prompt, record.completion, ended=False)
            reading.whole.notices[NO_TEMPLATE] += bool(record.tools or record.options)
            reading.ids = self._tokenise([turn], bare=True)
        elif not self.format.template.exists:
            raise DataError(
                "The data are chats, and this model's tokenizer has no chat template. Use the "
                "instruct version of the model, put a chat_template.jinja into its folder, or "
                "give data with 'prompt' and 'completion', or 'text'."
            )
        else:
            said = [k for k, one in enumerate(record.messages) if one["role"] == "assistant"]
            trained = [k for k in said if record.messages[k].get("weight") != 0]
            reading.pending = trained if self.options.mask_prompt else said[-1:]
        return reading

    def _next_turns(self, reading: _Reading) -> list[Turn]:
        """The next few answers as text; none any more after a refusal."""
        chosen, reading.pending = reading.pending[:BLOCK], reading.pending[BLOCK:]
        turns, asked = [], []
        try:
            for k in chosen:
                prompt = prompt_of(self.format.template, reading.talk, k)
                if prompt is None:
                    reading.unasked = True
                    reading.whole.notices[UNASKED] += 1
                    continue
                turns.append(
                    turn_of(self.format.template, self.format.ending, reading.talk, k, prompt)
                )
                asked.append(k)
                reading.whole.notices[UNSHOWN_REASONING] += turns[-1].lost_reasoning
            if reading.unasked and not reading.pending:
                # an answer that nothing asks for is no fault; a conversation that is refused is
                reading.talk.text(self.format.template, chosen[-1] + 1, prompt=False)
        except TemplateError as error:
            reading.whole.refusal, reading.pending = error, []
            return []
        if turns and not reading.pending:
            prompt = turns[-1].prompt
            for role in roles_left_out(self.format.template, reading.talk, asked[-1], prompt):
                reading.whole.notices[left_out(role)] += 1
        return turns

    def _leave_out_of_reach(self, reading: _Reading) -> None:
        """Of a conversation that is too long by now, only its end is looked at, for its length.

        Each answer has a prompt of its own, so that reading them all would take the square of
        their number.
        """
        longest = len(reading.ids[-1].prompt) if reading.ids else 0
        if reading.pending and longest >= self.longest:
            reading.whole.out_of_reach += len(reading.pending) - 1
            reading.pending = reading.pending[-1:]

    def _finish(self, reading: _Reading) -> Whole:
        whole = reading.whole
        if whole.refusal is None and reading.ids:
            whole.examples = self._merged(reading.ids)
            if not self.options.mask_prompt:
                whole.examples = [_all_trained(example) for example in whole.examples]
        return whole

    def _tokenise(self, turns: Sequence[Turn], bare: bool = False) -> list[_TurnIds]:
        """Prompts as generation tokenises them, and answers as they follow."""
        ids = self.format.ids
        prompts = [turn.prompt for turn in turns]
        joint = ids([turn.prompt + turn.answer for turn in turns])
        heads = [ids.bare(prompt) for prompt in prompts] if bare else ids(prompts)
        lead = len(heads[0]) - len(ids(prompts[:1])[0]) if bare else 0
        found = []
        for turn, head, both in zip(turns, heads, joint, strict=True):
            answer = ids.behind(head, [*head[:lead], *both], turn.answer)
            found.append(_TurnIds(head, answer, None if turn.ended else self.format.end))
        return found

    def _merged(self, turns: Sequence[_TurnIds]) -> list[Example]:
        """Examples in the order of the turns; a turn that a later prompt repeats joins it."""
        merged: list[tuple[list[int], list[tuple[int, int]]]] = []
        for turn in reversed(turns):
            start, spoken = len(turn.prompt), [*turn.prompt, *turn.answer]
            n = len(spoken)
            if merged and merged[-1][0][:n] == spoken:
                later, spans = merged[-1]
                if turn.end is None:
                    spans.append((start, n))
                    continue
                if n < len(later) and later[n] in self.format.stop:
                    spans.append((start, n + 1))  # GLM: the next turn's role token stops
                    continue
            tokens = spoken if turn.end is None else [*spoken, turn.end]
            merged.append((tokens, [(start, len(tokens))]))
        return [_example(tokens, spans) for tokens, spans in reversed(merged)]

    def _plain_text(self, text: str) -> Example:
        tokens = self.format.ids.bare(text)
        ended = bool(tokens) and tokens[-1] in self.format.stop
        if self.format.end is not None and not ended:
            tokens = [*tokens, self.format.end]
        return _example(tokens, [(0, len(tokens))])

    def _findings(self, record: Record) -> Notices:
        """What a person should know of a record before it is encoded."""
        texts = [record.text, *(str(message["content"]) for message in record.messages)]
        typed = {word for text in texts for word in self._special.findall(text)}
        found: Notices = Counter(map(special_token, sorted(typed)))
        template = self.format.template
        if template.exists:
            keys = (key for key in record.message_keys if not template.names(key))
            found.update(map(unread_key, keys))
        return found


@dataclass
class _Reading:
    """One record on its way; ``pending`` are the messages that are still to be encoded."""

    record: Record
    talk: Talk
    pending: list[int] = field(default_factory=list)
    ids: list[_TurnIds] = field(default_factory=list)
    unasked: bool = False
    whole: Whole = field(default_factory=Whole)


def _example(tokens: Sequence[int], spans: Sequence[tuple[int, int]]) -> Example:
    """An example; its first token is never trained, for nothing predicts it."""
    supervised = np.zeros(len(tokens), np.bool_)
    for start, end in spans:
        supervised[start:end] = True
    supervised[:1] = False
    return Example(np.array(tokens, np.int32), supervised)


def _all_trained(example: Example) -> Example:
    return _example(example.tokens.tolist(), [(0, len(example.tokens))])


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
        for i, whole in zip(chunk, encoder.encode_many([records[i] for i in chunk]), strict=True):
            if whole.refusal is not None:
                problems.append(refused(records, i, whole.refusal))
                continue
            for example in encoder.keep(whole, counts):
                yield i, example
        if len(problems) > MAX_PROBLEMS:
            break
        if progress is not None:
            progress(chunk.stop, len(records))
    if problems:
        raise InvalidDataError(problems)


def refused(records: Records, i: int, error: TemplateError) -> Problem:
    """Record ``i``, which the chat template does not take, as a problem of its file."""
    found = f"a conversation that the model's chat template refuses ({error})"
    return Problem(records.path, records.line_number(i), found, "roles as this model takes them")

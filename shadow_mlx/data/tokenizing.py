"""Texts with trained spans of characters to tokens with a mask."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from shadow_mlx.data.dataset import Example, Mask
from shadow_mlx.data.template import Rendered, Span


class Tokenizing:
    """Tokenises with one of mlx-lm's ``TokenizerWrapper``\\ s.

    Attributes:
        plain: The transformers tokenizer inside.
        stop: Ids of the tokens that end a turn.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.plain = tokenizer._tokenizer
        self.stop = frozenset(int(i) for i in tokenizer.eos_token_ids)

    def stop_words(self) -> list[str]:
        """The stop tokens as text."""
        return [str(self.plain.convert_ids_to_tokens(i)) for i in sorted(self.stop)]

    def end_word(self) -> str:
        """The token that ends an answer when the template has none; empty without any."""
        return str(self.plain.eos_token or next(iter(self.stop_words()), ""))

    def special_words(self) -> list[str]:
        """All special tokens as text, the stop tokens among them."""
        added = self.plain.added_tokens_decoder.values()
        return [*self.plain.all_special_tokens, *(t.content for t in added if t.special)]

    def __call__(self, texts: Sequence[Rendered]) -> list[Example]:
        """Tokenise many texts at once (fast tokenizers use all cores on a list)."""
        examples: list[Example | None] = [None] * len(texts)
        for bare in (False, True):
            chosen = [i for i, text in enumerate(texts) if text.bare == bare]
            for i, example in zip(chosen, self._same([texts[i] for i in chosen]), strict=True):
                examples[i] = example
        return [example for example in examples if example is not None]

    def _same(self, texts: Sequence[Rendered]) -> list[Example]:
        if not texts:
            return []
        bare = texts[0].bare
        encoded = self.plain(
            [text.text for text in texts],
            add_special_tokens=bare,
            return_offsets_mapping=self.plain.is_fast,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        examples = []
        for i, (text, ids) in enumerate(zip(texts, encoded["input_ids"], strict=True)):
            if self.plain.is_fast:
                mask = mask_by_offsets(encoded["offset_mapping"][i], text.spans)
            else:
                mask = self._mask_by_decoding(ids, text)
            examples.append(self._ended(ids, mask) if bare else example_of(ids, mask))
        return examples

    def _mask_by_decoding(self, ids: list[int], text: Rendered) -> Mask:
        """For tokenizers without offsets: a token ends where the text of the tokens so far ends.

        As with offsets, a token that crosses a span's edge belongs to the span.
        """
        lead = len(self.plain.decode(ids)) - len(text.text)  # a BOS in front of a bare text

        def shown(count: int) -> int:
            return len(self.plain.decode(ids[:count])) - lead

        mask = np.zeros(len(ids), np.bool_)
        for start, end in text.spans:
            # half a character shows as one, so a whole one may be there before its last token
            first = bisect_left(range(len(ids)), start + 1, key=shown) - 1
            last = bisect_right(range(len(ids) + 1), end, key=shown) - 1
            mask[first : last + (shown(last) < end)] = True
        return mask

    def _ended(self, ids: list[int], mask: Mask) -> Example:
        """A text without template: exactly one BOS where the tokenizer has one, and an EOS."""
        bos, eos = self.plain.bos_token_id, self.plain.eos_token_id
        if bos is not None and ids[:2] == [bos, bos]:
            ids, mask = ids[1:], mask[1:]
        if ids and ids[-1] in self.stop:
            mask = np.append(mask[:-1], True)
        elif eos is not None:
            ids, mask = [*ids, eos], np.append(mask, True)
        return example_of(ids, mask)


def mask_by_offsets(offsets: Sequence[Span], spans: Sequence[Span]) -> Mask:
    """bool[n]: the tokens whose characters touch a span. A token that crosses its edge counts."""
    bounds = np.asarray(offsets, np.int64).reshape(-1, 2)
    mask = np.zeros(len(bounds), np.bool_)
    for start, end in spans:
        mask |= (bounds[:, 0] < end) & (bounds[:, 1] > start)
    return mask


def example_of(ids: Sequence[int], mask: Mask) -> Example:
    """An example; its first token is never trained, for nothing predicts it."""
    supervised = np.array(mask, np.bool_)
    supervised[:1] = False
    return Example(np.array(ids, np.int32), supervised)

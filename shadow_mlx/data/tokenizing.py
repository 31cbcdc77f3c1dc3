"""Texts to token ids, for training and for generation alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

ANCHORS = ("\n", "=", "0")
"""Texts that an answer is tokenised behind where the tokenizer puts a space before a beginning."""

BEHIND_SPECIAL = (" b  b\n", "b b", "\n\nb")
"""Texts behind a special token; a tokenizer may treat a text's beginning in a way of its own."""


class Tokenizing:
    """Tokenises with one of mlx-lm's ``TokenizerWrapper``\\ s.

    A text is cut behind its special tokens, and each piece is tokenised once: the prompts of a
    conversation repeat each other, and special tokens part a text for the tokenizer, too. Where
    they do not (that is tried), texts are tokenised whole. The pieces of a text that came alone are
    remembered until the next one comes: a chat's next prompt begins with them.

    Attributes:
        plain: The transformers tokenizer inside.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.plain = tokenizer._tokenizer
        self._lead = self._added()
        self._cut = self._cutter()
        self._last: dict[str, list[int]] = {}  # pieces of the last single text, and their ids

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without the tokens that the tokenizer adds by itself."""
        if self._cut is None:
            return self._encode(texts)
        pieces = [_behind_each(self._cut, text) for text in texts]
        ids = {piece: self._last.get(piece, []) for some in pieces for piece in some}
        fresh = [piece for piece, known in ids.items() if not known]
        ids.update(zip(fresh, self._encode(fresh), strict=True))
        if len(texts) == 1:
            self._last = ids
        return [[token for piece in some for token in ids[piece]] for some in pieces]

    def bare(self, text: str) -> list[int]:
        """A text that has been through no template, with the tokenizer's own first token.

        Tokenizers that add an end token do not get to add it here: what follows is the answer's.
        """
        starts = self.plain.bos_token is not None and text.startswith(self.plain.bos_token)
        return [*([] if starts else self._lead), *self._encode([text])[0]]

    def behind(self, prompt_ids: Sequence[int], joint: list[int], text: str) -> list[int]:
        """The ids of ``text`` as they follow those of a prompt.

        Args:
            prompt_ids: The ids of the prompt, which generation begins with.
            joint: The ids of prompt and text as one. They are right when they begin with the
                prompt's; they do not where a token would cross the edge between the two.
            text: What follows.
        """
        n = len(prompt_ids)
        if joint[:n] == list(prompt_ids):
            return joint[n:]
        wanted = self._decoded(prompt_ids) + text
        alone = self._encode([text])[0]
        for ids in (alone, *self._anchored(text)):
            if self._decoded([*prompt_ids, *ids]) == wanted:
                return ids
        return alone

    def _anchored(self, text: str) -> list[list[int]]:
        found = []
        for anchor in ANCHORS:
            first, both = self._encode([anchor, anchor + text])
            if both[: len(first)] == first:
                found.append(both[len(first) :])
        return found

    def _decoded(self, ids: Sequence[int]) -> str:
        return str(self.plain.decode(list(ids), clean_up_tokenization_spaces=False))

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Many texts at once: fast tokenizers use all cores on a list."""
        if not texts:
            return []
        encoded = self.plain(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        return [list(map(int, ids)) for ids in encoded["input_ids"]]

    def _added(self) -> list[int]:
        """The ids that the tokenizer adds before a text by itself."""
        bare = self._encode(["a"])[0]
        whole = list(map(int, self.plain("a", add_special_tokens=True)["input_ids"]))
        for start in range(len(whole) - len(bare) + 1):
            if whole[start : start + len(bare)] == bare:
                return whole[:start]
        return []

    def _cutter(self) -> re.Pattern[str] | None:
        words = [
            token.content
            for token in self.plain.added_tokens_decoder.values()
            if token.special
            and not (token.normalized or token.lstrip or token.rstrip or token.single_word)
        ]
        if not words:
            return None
        pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
        for word in words[:4]:
            for second in BEHIND_SPECIAL:
                first = f"a {word}"
                whole, *parts = self._encode([first + second, first, second])
                if whole != [*parts[0], *parts[1]]:
                    return None
        return pattern


def _behind_each(special: re.Pattern[str], text: str) -> list[str]:
    """A text cut behind each special token."""
    ends = [0, *(match.end() for match in special.finditer(text)), len(text)]
    return [text[a:b] for a, b in pairwise(ends) if a < b]

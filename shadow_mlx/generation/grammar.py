"""Answers that follow a JSON schema: of each next token, whether the schema lets it come.

The work is llguidance's, which compiles the schema and follows the tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import llguidance
import llguidance.hf
import llguidance.numpy as bitmasks
import mlx.core as mx
import numpy as np
from jaxtyping import Float, Integer
from transformers import PreTrainedTokenizerFast

from shadow_mlx.data.chat.reasoning import Opening
from shadow_mlx.errors import InputError

BLANKS = r"( |\n[ \t]{0,40})?"
"""What may stand between two parts of the JSON: of any blanks, a model may never stop to write."""


class Grammars:
    """Compiles schemas for one tokenizer.

    Args:
        tokenizer: As mlx-lm loads it.

    Raises:
        InputError: It is not one of the tokenizers library, whose tokens alone are known.
    """

    def __init__(self, tokenizer: Any) -> None:
        plain = tokenizer._tokenizer
        if not isinstance(plain, PreTrainedTokenizerFast):
            raise InputError("a JSON schema needs a tokenizer.json, which this model does not have")
        self._tokenizer = tokenizer
        self._tokens = llguidance.hf.from_tokenizer(
            plain, eos_token=sorted(map(int, tokenizer.eos_token_ids))
        )

    def constraint(
        self, schema: Mapping[str, Any], prompt_tokens: int, opening: Opening | None = None
    ) -> Constraint:
        """What keeps one answer to a schema.

        Args:
            schema: A JSON schema.
            prompt_tokens: How many tokens stand before the answer.
            opening: The reasoning that the prompt opens, if any: the schema holds behind it.

        Raises:
            InputError: The schema is none, or asks for what cannot be followed.
        """
        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(
                json.dumps(schema), overrides={"whitespace_pattern": BLANKS}
            )
        except ValueError as error:
            raise InputError(f"the JSON schema cannot be used: {error}") from None
        matcher = llguidance.LLMatcher(self._tokens, grammar, log_level=0)
        if matcher.is_error():
            reason = matcher.get_error().partition("\n")[0]
            raise InputError(f"the JSON schema cannot be used: {reason}")
        end = opening.tags.end if opening is not None and not opening.closed else None
        return Constraint(matcher, self._tokenizer, self._tokens.vocab_size, prompt_tokens, end)


class Constraint:
    """A logits processor of one answer: the likelihood of what may not come becomes zero.

    Args:
        matcher: llguidance's, at its beginning.
        tokenizer: As mlx-lm loads it.
        vocabulary: Its tokens; what a model pads its logits with never comes.
        prompt_tokens: Where the answer begins.
        wait_for: The text behind which the schema holds, if not from the beginning.

    Attributes:
        problem: Why the answer could not be followed any further, and is none: a schema may ask
            for more than is tried.
    """

    def __init__(
        self,
        matcher: Any,
        tokenizer: Any,
        vocabulary: int,
        prompt_tokens: int,
        wait_for: str | None = None,
    ) -> None:
        self._matcher = matcher
        self._tokenizer = tokenizer
        self._seen = prompt_tokens
        self._wait_for = wait_for
        self._thought: list[int] = []
        self.problem: str | None = None
        self._mask = bitmasks.allocate_token_bitmask(1, vocabulary)
        self._vocabulary = vocabulary

    def skip(self, held: int) -> None:
        """The prompt's first tokens are not shown: caches hold them."""
        self._seen -= held

    def __call__(
        self, tokens: Integer[mx.array, " context"], logits: Float[mx.array, "1 vocabulary"]
    ) -> Float[mx.array, "1 vocabulary"]:
        """The logits of what may come behind ``tokens``, which are the prompt and the answer."""
        for token in np.array(tokens[self._seen :]).tolist():
            self._take(token)
        self._seen = max(self._seen, len(tokens))
        if self._wait_for is not None:
            return logits
        bitmasks.fill_next_token_bitmask(self._matcher, self._mask)
        if self._matcher.is_error():
            reason = self._matcher.get_error().partition("\n")[0]
            self.problem = f"the JSON schema cannot be followed: {reason}"
            return logits
        allowed = np.unpackbits(self._mask.view(np.uint8), bitorder="little")
        fitting = np.zeros(logits.shape[-1], np.bool_)
        known = min(self._vocabulary, fitting.size)
        fitting[:known] = allowed[:known]
        return mx.where(mx.array(fitting)[None], logits, -mx.inf)

    def _take(self, token: int) -> None:
        if self._wait_for is None:
            if not self._matcher.is_stopped():  # what is computed behind the end is not looked at
                self._matcher.consume_token(token)
            return
        self._thought.append(token)
        if self._wait_for in str(self._tokenizer.decode(self._thought[-16:])):
            self._wait_for = None

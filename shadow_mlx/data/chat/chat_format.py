"""A tokenizer and its chat template: the one way to the ids of a prompt and of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from shadow_mlx.config import TemplateConfig
from shadow_mlx.data.chat.ending import Ending, behind_answers, special_words, turn_end
from shadow_mlx.data.chat.rendering import AS_IT_IS, ChatTemplate
from shadow_mlx.data.reading.schema import Message
from shadow_mlx.data.tokenizing import Tokenizing


class ChatFormat:
    """What training, chats, comparisons and samples share, so that each sees the same tokens.

    Args:
        tokenizer: One of mlx-lm's ``TokenizerWrapper``\\ s.
        config: How the chat template is used.

    Attributes:
        tokenizer: As given.
        template: Its chat template.
        ids: Texts to token ids.
    """

    def __init__(self, tokenizer: Any, config: TemplateConfig = AS_IT_IS) -> None:
        self.tokenizer = tokenizer
        self.template = ChatTemplate(tokenizer, config)
        self.ids = Tokenizing(tokenizer)

    @cached_property
    def stop(self) -> frozenset[int]:
        """Ids of the tokens that end an answer: the tokenizer's, and the template's."""
        own = turn_end(self.tokenizer, self.template)
        return frozenset(int(i) for i in self.tokenizer.eos_token_ids) | (
            frozenset() if own is None else {own}
        )

    @cached_property
    def end(self) -> int | None:
        """The token that ends an answer where the template has none."""
        eos = self.tokenizer._tokenizer.eos_token_id
        return int(eos) if eos is not None else min(self.stop, default=None)

    @cached_property
    def ending(self) -> Ending:
        """How the template's turns end."""
        plain = self.tokenizer._tokenizer
        stop = [str(plain.convert_ids_to_tokens(i)) for i in sorted(self.stop)]
        behind = behind_answers(self.template) if self.template.exists else ""
        return Ending(stop, special_words(self.tokenizer), behind)

    def prompt(
        self,
        messages: Sequence[Message],
        tools: Sequence[Any] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """The ids of a conversation, ready for the assistant's answer.

        Raises:
            TemplateError: When the template refuses the conversation.
        """
        text = self.template.text(messages, tools, prompt=True, variables=variables)
        return self.ids([text])[0]

    def written(self, prompt: str, answer: str) -> str:
        """An answer as generation hands it out: from its tokens behind the prompt's, to their end.

        Some tokenizers put a blank behind each special token, which is in no text of the template.
        """
        ids = self.ids.behind(self.ids([prompt])[0], self.ids([prompt + answer])[0], answer)
        if ids and ids[-1] in self.stop:
            ids = ids[:-1]
        pieces = self.tokenizer.detokenizer
        for token in ids:
            pieces.add_token(token)
        pieces.finalize()
        return str(pieces.text)

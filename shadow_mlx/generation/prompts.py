"""Messages or plain text to the token ids that a model is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.errors import InputError, ModelError


def chat_prompt(
    form: ChatFormat,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[int]:
    """Token ids of a conversation, ready for the assistant's answer.

    Args:
        form: The tokenizer with its chat template.
        messages: The conversation, a person's message last.
        tools: Descriptions of functions.
        variables: Further variables of the chat template.

    Raises:
        ModelError: The tokenizer has no chat template.
        InputError: The template refuses the messages (no system role, say).
    """
    if not form.template.exists:
        raise ModelError(
            "the model's tokenizer has no chat template; continue plain text with: "
            "shadow-mlx generate --ignore-chat-template --prompt TEXT"
        )
    try:
        return form.prompt(messages, tools, variables)
    except TemplateError as error:
        raise InputError(f"the model's chat template refuses these messages: {error}") from None


def plain_prompt(form: ChatFormat, text: str) -> list[int]:
    """Token ids of ``text`` as it stands, with the tokenizer's own start token.

    Raises:
        InputError: ``text`` holds no token.
    """
    tokens = form.ids.bare(text) if text else []
    if not tokens:
        raise InputError("the prompt is empty")
    return tokens

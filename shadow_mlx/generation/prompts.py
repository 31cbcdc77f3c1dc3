"""Messages or plain text to the token ids that a model is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shadow_mlx.data.rendering import TemplateError, guarded
from shadow_mlx.errors import InputError, ModelError

Message = dict[str, str]  # role and content


def chat_prompt(
    tokenizer: Any, messages: Sequence[Message], template_options: Mapping[str, Any] | None = None
) -> list[int]:
    """Token ids of a conversation, ready for the assistant's answer.

    Args:
        tokenizer: As mlx-lm loads it.
        messages: The conversation, a person's message last.
        template_options: Further variables of the chat template (``enable_thinking``, say).

    Raises:
        ModelError: The tokenizer has no chat template.
        InputError: The template refuses the messages (no system role, say).
    """
    if not tokenizer.has_chat_template:
        raise ModelError(
            "the model's tokenizer has no chat template; continue plain text with: "
            "shadow-mlx generate --ignore-chat-template --prompt TEXT"
        )

    def render(shown: Sequence[Mapping[str, Any]], add_generation_prompt: bool) -> list[int]:
        return list(
            tokenizer.apply_chat_template(
                list(shown), add_generation_prompt=add_generation_prompt, **(template_options or {})
            )
        )

    try:
        return guarded(render)(messages, True)
    except TemplateError as error:
        raise InputError(f"the model's chat template refuses these messages: {error}") from None


def plain_prompt(tokenizer: Any, text: str) -> list[int]:
    """Token ids of ``text`` as it stands, with the tokenizer's own start token.

    Raises:
        InputError: ``text`` holds no token.
    """
    starts = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    tokens = list(tokenizer.encode(text, add_special_tokens=not starts))
    if not tokens:
        raise InputError("the prompt is empty")
    return tokens

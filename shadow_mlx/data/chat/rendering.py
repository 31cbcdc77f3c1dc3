"""The chat template of a tokenizer: the only way from messages to the text that a model sees."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from transformers import PreTrainedTokenizerBase

from shadow_mlx.config import TemplateConfig
from shadow_mlx.data.chat import sandbox
from shadow_mlx.data.reading.message_flags import REASONING_KEY, REASONINGS
from shadow_mlx.data.reading.schema import Message

AS_IT_IS = TemplateConfig()
"""No option given: the template decides."""

PATIENCE = 3
"""Renderings that may take too much before a template is not tried again."""

LONGEST_REASON = 300
"""Characters of a template's reason to refuse that are shown."""

_SWITCHES: Mapping[str, tuple[Any, Any]] = {  # variable of the template: its values for on and off
    "enable_thinking": (True, False),
    "thinking": (True, False),
    "enable_reasoning": (True, False),
    "reasoning": (True, False),
    "think": (True, False),
    "reasoning_effort": ("high", "none"),
}

_TEMPLATE_FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a template, or Python code in its place, raises on a conversation that it does not take."""


class TemplateError(ValueError):
    """The chat template cannot show this conversation; the message is the template's reason."""


class ChatTemplate:
    """A tokenizer's chat template, with the options that it is used with.

    Args:
        tokenizer: One of mlx-lm's ``TokenizerWrapper``\\ s.
        config: Whether the model is to think, and further variables of the template.
    """

    def __init__(self, tokenizer: Any, config: TemplateConfig = AS_IT_IS) -> None:
        self._tokenizer = tokenizer
        self._source = _source(tokenizer)
        self._too_much: list[str] = []  # refusals of renderings that took too much
        self.config = config
        self.switch = self._find_switch()
        self._variables = {**self._thinking(), **config.variables}
        self.reasoning_key = next((key for key in REASONINGS if self.names(key)), None)

    @property
    def exists(self) -> bool:
        """Whether the tokenizer has a template at all."""
        return bool(self._tokenizer.has_chat_template)

    @property
    def notes(self) -> list[str]:
        """What a person should know of the options, one sentence each."""
        wanted = self.config.thinking
        if wanted == "auto" or not self.exists or self._thinking():
            return []
        return [
            f"--thinking {wanted} changes nothing: the model's chat template has no such switch"
        ]

    def names(self, key: str) -> bool:
        """Whether the template reads ``key`` of a message. Code in its place may read any."""
        return self._source is None or bool(re.search(rf"[.'\"]{re.escape(key)}\b", self._source))

    def text(
        self,
        messages: Sequence[Message],
        tools: Sequence[Any] | None = None,
        *,
        prompt: bool,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """A conversation as text.

        Args:
            messages: With the reasoning of an answer as ``reasoning_content``, and the arguments
                of tool calls as objects. The few templates that want text there get a second try.
            tools: Descriptions of functions.
            prompt: End with the beginning of an answer, for the model to go on.
            variables: Further variables of the template, for this conversation alone.

        Raises:
            TemplateError: When the template refuses the conversation.
        """
        if len(self._too_much) >= PATIENCE:
            raise TemplateError(self._too_much[-1])
        shown = [self._with_own_key(message) for message in messages]
        try:
            try:
                return self._apply(shown, tools, prompt, variables or {})
            except TypeError:
                if not any(message.get("tool_calls") for message in shown):
                    raise
                as_text = [_with_text_arguments(message) for message in shown]
                return self._apply(as_text, tools, prompt, variables or {})
        except sandbox.TooMuchError as error:
            self._too_much.append(str(error))
            raise TemplateError(str(error)) from None
        except _TEMPLATE_FAULTS as error:
            reason = str(error) or type(error).__name__
            if len(reason) > LONGEST_REASON:  # which may be any text
                reason = reason[:LONGEST_REASON] + "…"
            raise TemplateError(reason) from error

    def _apply(
        self,
        messages: Sequence[Message],
        tools: Sequence[Any] | None,
        prompt: bool,
        variables: Mapping[str, Any],
    ) -> str:
        own = {**self._variables, **variables}
        shown = [dict(tool) for tool in tools] if tools else None
        if self._source is None:
            text = self._tokenizer.apply_chat_template(
                list(messages),
                tools=shown,
                add_generation_prompt=prompt,
                tokenize=False,
                **own,
            )
            return str(text)
        if not messages:
            raise TemplateError("there is no message")
        tokenizer = self._tokenizer
        return sandbox.render(
            tokenizer._tokenizer.get_chat_template(tools=shown),
            {
                **tokenizer.special_tokens_map,
                tokenizer._thinking_kwarg: tokenizer.has_thinking,
                **own,
                "messages": list(messages),
                "tools": shown,
                "documents": None,
                "add_generation_prompt": prompt,
            },
        )

    def _with_own_key(self, message: Message) -> Message:
        """The reasoning under the names by which templates ask for it, as transformers has it."""
        if not message.get(REASONING_KEY):
            return message
        thoughts = message[REASONING_KEY]
        key = self.reasoning_key or REASONING_KEY
        return {"thinking": thoughts, **message, key: thoughts}

    def _thinking(self) -> dict[str, Any]:
        """The variables that turn thinking on or off; none where the template decides."""
        if self.config.thinking == "auto" or self.switch is None:
            return {}
        value = _SWITCHES[self.switch][self.config.thinking == "off"]
        if isinstance(value, str) and not re.search(rf"['\"]{value}['\"]", self._source or ""):
            return {}  # an effort that this template does not know
        return {self.switch: value}

    def _find_switch(self) -> str | None:
        if self._source is None:
            return str(self._tokenizer._thinking_kwarg) if self.exists else None
        variables = sandbox.variables_of(self._source)
        return next((name for name in _SWITCHES if name in variables), None)


def _source(tokenizer: Any) -> str | None:
    """The template's text; None where Python code stands in its place, or nothing."""
    template = tokenizer._tokenizer.chat_template
    own = type(tokenizer._tokenizer).apply_chat_template
    if tokenizer._chat_template is not None or (
        own is not PreTrainedTokenizerBase.apply_chat_template
    ):
        return None
    if isinstance(template, Mapping):  # one by default, one with tools
        return "\n".join(str(one) for one in template.values())
    return template if isinstance(template, str) else None


def _with_text_arguments(message: Message) -> Message:
    calls = [
        {**c, "function": {**c["function"], "arguments": json.dumps(c["function"]["arguments"])}}
        for c in message.get("tool_calls") or []
    ]
    return {**message, "tool_calls": calls} if calls else message

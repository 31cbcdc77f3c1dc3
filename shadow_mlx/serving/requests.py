"""A request's JSON to what it asks for: every field checked, or refused with its name.

The names are OpenAI's; ``top_k``, ``min_p``, ``repetition_penalty`` and ``chat_template_kwargs``
are those of other local servers. A field that is not known is refused, as OpenAI does: what is
asked for in vain would be missed in the answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shadow_mlx.config import SamplingConfig
from shadow_mlx.data.reading.findings import Findings
from shadow_mlx.data.reading.messages import Message, read_messages
from shadow_mlx.data.reading.problems import quoted
from shadow_mlx.serving.fields import Fields
from shadow_mlx.serving.problems import RequestError

Endpoint = Literal["chat", "completions"]

MOST_CHOICES = 16
"""Answers to one prompt, and prompts in one request."""

MOST_STOPS, LONGEST_STOP = 16, 1000
COMPLETION_TOKENS = 16
"""What OpenAI's completions write where nothing is said."""

SEEDS = 2**64 - 1
COLDEST = 1e-4
"""Temperatures below are greedy: their inverse is no factor to compute with."""

_OWN_VARIABLES = frozenset(
    {"messages", "conversation", "tools", "documents", "add_generation_prompt", "chat_template"}
    | {"continue_final_message", "tokenize", "return_dict"}
)
"""Variables of a template, and arguments of what renders it, that no request sets."""

_IGNORED = (
    *("user", "metadata", "store", "service_tier", "safety_identifier", "verbosity"),
    *("prompt_cache_key", "prompt_cache_retention"),
)
"""Fields that ask for no other answer of these models."""


@dataclass(frozen=True)
class Chat:
    """A conversation to answer.

    Attributes:
        messages: As chat templates take them.
        tools: Descriptions of functions that may be called.
        variables: Further variables of the chat template.
        one_call: Whether one function may be called at most.
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    one_call: bool = False


Prompt = Chat | str | tuple[int, ...]
"""A conversation, a text to continue, or its tokens."""


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        endpoint: By which address it came.
        model: The name of the model.
        prompts: What is to be answered or continued, one or several.
        sampling: How tokens are chosen.
        choices: Answers to each prompt.
        stop: Texts that end an answer, and are no part of it.
        stream: Whether pieces are sent as they come.
        usage: Whether a stream ends with its counts of tokens.
        top_logprobs: How many of the likeliest tokens are told at each place; None: none, and not
            the chosen one either.
        presence_penalty: Taken off tokens that were there already.
        frequency_penalty: The same, for each time.
        logit_bias: Added to the logits of tokens.
        schema: The JSON schema that the answer follows.
    """

    endpoint: Endpoint
    model: str
    prompts: tuple[Prompt, ...]
    sampling: SamplingConfig
    choices: int = 1
    stop: tuple[str, ...] = ()
    stream: bool = False
    usage: bool = False
    top_logprobs: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None


def read_request(
    value: Any, endpoint: Endpoint, defaults: SamplingConfig, longest_answer: int
) -> Asked:
    """The request that a JSON value holds.

    Args:
        value: What was sent.
        endpoint: By which address.
        defaults: What it leaves out.
        longest_answer: Most tokens it may ask for.

    Raises:
        RequestError: A field is missing, unknown, of another type, out of range or not served.
    """
    fields = Fields(value)
    model = fields.text("model")
    if not model:
        raise RequestError("model: name one of those of /v1/models", param="model")
    chat = endpoint == "chat"
    given: dict[str, Any] = {}
    if chat:
        given["prompts"] = (_chat(fields),)
        given["schema"] = _schema(fields)
        most = None if not fields.flag("logprobs") else 0
        top = fields.whole("top_logprobs", None, 0, 20)
        if top is not None and most is None:
            raise RequestError("top_logprobs: needs logprobs: true", param="top_logprobs")
        given["top_logprobs"] = most if top is None else top
        fields.only("modalities", (["text"],), "these models write text")
        for name in ("audio", "prediction", "web_search_options", "functions", "function_call"):
            fields.only(name, (), "this server has no such thing")
    else:
        given["prompts"] = _prompts(fields)
        given["top_logprobs"] = fields.whole("logprobs", None, 0, 5)
        fields.only("echo", (False,), "the prompt is not repeated")
        fields.only("suffix", ("",), "text is continued at its end alone")
        fields.only("best_of", (1,), "answers are not ranked; ask for several with n")
    default = defaults.max_tokens if chat else min(COMPLETION_TOKENS, longest_answer)
    stream, usage = _stream(fields)
    asked = Asked(
        endpoint,
        model,
        sampling=_sampling(fields, defaults, default, longest_answer),
        choices=fields.whole("n", 1, 1, MOST_CHOICES),
        stop=_stops(fields),
        stream=stream,
        usage=usage,
        presence_penalty=fields.number("presence_penalty", 0.0, -2, 2),
        frequency_penalty=fields.number("frequency_penalty", 0.0, -2, 2),
        logit_bias=_bias(fields),
        **given,
    )
    fields.end(_IGNORED)
    if len(asked.prompts) * asked.choices > MOST_CHOICES:
        raise RequestError(
            f"{len(asked.prompts)} prompts with {asked.choices} answers each are more than "
            f"{MOST_CHOICES} answers; ask in several requests",
            param="prompt" if asked.choices == 1 else "n",
        )
    return asked


def _sampling(
    fields: Fields, defaults: SamplingConfig, max_tokens: int, longest: int
) -> SamplingConfig:
    older = fields.whole("max_tokens", None, 1, longest)
    newer = fields.whole("max_completion_tokens", None, 1, longest)
    if older is not None and newer is not None and older != newer:
        raise RequestError(
            "max_tokens and max_completion_tokens differ; give one of the two", param="max_tokens"
        )
    temp = fields.number("temperature", defaults.temp, 0, 2)
    top_p = fields.number("top_p", defaults.top_p, 0, 1)
    penalty = fields.number("repetition_penalty", defaults.repetition_penalty, 1e-3, 1e3)
    return dataclasses.replace(
        defaults,
        max_tokens=next((n for n in (newer, older) if n is not None), max_tokens),
        temp=0.0 if temp < COLDEST or top_p == 0 else temp,
        top_p=top_p,
        top_k=fields.whole("top_k", defaults.top_k, 0, 1 << 31),
        min_p=fields.number("min_p", defaults.min_p, 0, 1),
        repetition_penalty=penalty,
        seed=_seed(fields, defaults.seed),
    )


def _seed(fields: Fields, default: int | None) -> int | None:
    """A seed; negative ones are seeds like others."""
    seed = fields.whole("seed", default, -(2**63), SEEDS)
    return None if seed is None else int(seed) & SEEDS


def _stream(fields: Fields) -> tuple[bool, bool]:
    """Whether pieces are sent as they come, and whether the counts at their end."""
    stream = fields.flag("stream")
    options = fields.take("stream_options")
    if options is None:
        return stream, False
    if not stream:
        raise RequestError("stream_options: needs stream: true", param="stream_options")
    inside = Fields(options, "stream_options")
    usage = inside.flag("include_usage")
    inside.end({"include_obfuscation"})
    return stream, usage


def _stops(fields: Fields) -> tuple[str, ...]:
    value = fields.take("stop", [])
    stops = [value] if isinstance(value, str) else value
    fit = isinstance(stops, list) and all(
        isinstance(stop, str) and 0 < len(stop) <= LONGEST_STOP for stop in stops
    )
    if not fit or len(stops) > MOST_STOPS:
        raise fields.wrong(
            "stop",
            f"a text of 1 to {LONGEST_STOP} characters, or up to {MOST_STOPS} of them",
            value,
        )
    return tuple(dict.fromkeys(stops))


def _bias(fields: Fields) -> dict[int, float]:
    value = fields.take("logit_bias", {})
    expected = "an object of token ids with numbers from -100 to 100"
    if not isinstance(value, dict):
        raise fields.wrong("logit_bias", expected, value)
    found = {}
    for key, bias in value.items():
        number = isinstance(bias, int | float) and not isinstance(bias, bool)
        if not (key.isascii() and key.isdecimal() and len(key) < 10) or not number:
            raise fields.wrong("logit_bias", expected, {key: bias})
        if not -100 <= bias <= 100:
            raise fields.wrong("logit_bias", expected, {key: bias})
        found[int(key)] = float(bias)
    return found


def _prompts(fields: Fields) -> tuple[Prompt, ...]:
    """A text, its tokens, or an array of either."""
    value = fields.take("prompt")
    one = _prompt(value)
    if one is not None:
        return (one,)
    several = [_prompt(item) for item in value] if isinstance(value, list) else []
    found = [item for item in several if item is not None]
    if not found or len(found) < len(several):
        raise fields.wrong("prompt", "a text, token ids, or an array of either", value)
    return tuple(found)


def _prompt(value: Any) -> Prompt | None:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value:
        ids = [i for i in value if isinstance(i, int) and not isinstance(i, bool) and i >= 0]
        return tuple(ids) if len(ids) == len(value) else None
    return None


def _chat(fields: Fields) -> Chat:
    findings = Findings()
    value = fields.take("messages")
    if value is None:
        raise RequestError("messages: the conversation is missing", param="messages")
    messages = read_messages(value, findings, answered=False)
    if findings.problems:
        found, expected = findings.problems[0]
        raise RequestError(f"messages: {found}; expected {expected}", param="messages")
    tools = _tools(fields)
    chosen = fields.take("tool_choice", "auto")
    if chosen not in ("auto", "none"):
        raise RequestError(
            f"tool_choice: {quoted(chosen)} is not supported: the model decides (auto), or calls "
            "nothing (none)",
            param="tool_choice",
            code="unsupported_value",
        )
    variables = fields.take("chat_template_kwargs", {})
    if not isinstance(variables, dict):
        raise fields.wrong("chat_template_kwargs", "an object", variables)
    taken = sorted(_OWN_VARIABLES.intersection(variables))
    if taken:
        raise RequestError(
            f"chat_template_kwargs: {taken[0]} has its own place", param="chat_template_kwargs"
        )
    effort = fields.text("reasoning_effort")
    if effort is not None:
        variables = {"reasoning_effort": effort, **variables}
    return Chat(
        messages,
        () if chosen == "none" else tools,
        variables,
        one_call=not fields.flag("parallel_tool_calls", True),
    )


def _tools(fields: Fields) -> tuple[Mapping[str, Any], ...]:
    value = fields.take("tools", [])
    if not isinstance(value, list):
        raise fields.wrong("tools", "an array of tools", value)
    for number, tool in enumerate(value):
        inside = Fields(tool, f"tools[{number}]")
        inside.only("type", ("function",), "tools are functions")
        function = inside.take("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise inside.wrong("function", "an object with a name", function)
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            raise inside.wrong("function.parameters", "a JSON schema", parameters)
    return tuple(value)


def _schema(fields: Fields) -> Mapping[str, Any] | None:
    value = fields.take("response_format")
    if value is None:
        return None
    inside = Fields(value, "response_format")
    kind = inside.take("type")
    if kind == "text":
        schema = None
    elif kind == "json_object":
        schema = {"type": "object"}
    elif kind == "json_schema":
        named = Fields(inside.take("json_schema"), "response_format.json_schema")
        schema = named.take("schema")
        if not isinstance(schema, dict):
            raise named.wrong("schema", "a JSON schema", schema)
        named.flag("strict")
        named.end({"name", "description"})
    else:
        raise inside.wrong("type", "text, json_object or json_schema", kind)
    inside.end()
    return schema

"""Answers as OpenAI's API writes them: whole, or in chunks."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from shadow_mlx.generation.calls import Call
from shadow_mlx.serving.requests import Asked
from shadow_mlx.serving.writing import Counts, Ended, Likely, Piece, TokenScore, Written

Reply = dict[str, Any]
_KEYS = {"words": "content", "reasoning": "reasoning_content"}


class Replies:
    """Writes the reply to one request.

    Args:
        asked: The request.
        answers: How many answers there are to it.
    """

    def __init__(self, asked: Asked, answers: int) -> None:
        self._asked = asked
        self._chat = asked.endpoint == "chat"
        self._head: Reply = {
            "id": ("chatcmpl-" if self._chat else "cmpl-") + secrets.token_hex(12),
            "object": "chat.completion" if self._chat else "text_completion",
            "created": int(time.time()),
            "model": asked.model,
        }
        self._begun = [False] * answers
        self._offsets = [0] * answers

    def whole(self, answers: Sequence[Sequence[Written]]) -> Reply:
        """All answers, each with everything that was told of it, the end last."""
        choices = []
        for index, told in enumerate(answers):
            last = told[-1]
            assert isinstance(last, Ended)
            pieces = [piece for one in told for piece in one.pieces]
            scores = [score for one in told for score in one.scores]
            if self._chat:
                message = {"role": "assistant", **self._message(pieces, last.calls)}
                choice: Reply = {"index": index, "message": message}
            else:
                choice = {"index": index, "text": _words(pieces)}
            choice["logprobs"] = self._scores(index, scores)
            choice["finish_reason"] = last.reason
            choices.append(choice)
        return {**self._head, "choices": choices, "usage": self._usage(_ends(answers))}

    def chunks(self, index: int, told: Written) -> list[Reply]:
        """What a stream says of one more piece of an answer."""
        found = []
        if self._chat and not self._begun[index]:
            self._begun[index] = True
            found.append(self._chunk(index, {"role": "assistant", "content": ""}))
        scores = self._scores(index, told.scores)
        if self._chat:
            for part, text in told.pieces:
                found.append(self._chunk(index, {_KEYS[part]: text}, scores))
                scores = None
            if scores is not None:
                found.append(self._chunk(index, {}, scores))
        elif told.pieces or scores is not None:
            found.append(self._chunk(index, _words(told.pieces), scores))
        if isinstance(told, Ended):
            if told.calls:
                calls = [{"index": i, **one} for i, one in enumerate(_calls(told.calls))]
                found.append(self._chunk(index, {"tool_calls": calls}))
            found.append(self._chunk(index, {} if self._chat else "", reason=told.reason))
        return found

    def counts(self, ends: Sequence[Ended]) -> Reply:
        """The last chunk of a stream that tells its tokens; the ends by their numbers."""
        return {**self._stream_head(), "choices": [], "usage": self._usage(ends)}

    def _usage(self, ends: Sequence[Ended]) -> Reply:
        """Tokens of all answers; a prompt with several counts once."""
        return _usage([end.counts for end in ends], self._asked.choices)

    def _stream_head(self) -> Reply:
        return {**self._head, "object": "chat.completion.chunk"} if self._chat else self._head

    def _chunk(self, index: int, said: Any, scores: Any = None, reason: str | None = None) -> Reply:
        choice = {
            "index": index,
            "delta" if self._chat else "text": said,
            "logprobs": scores,
            "finish_reason": reason,
        }
        usage = {"usage": None} if self._asked.usage else {}
        return {**self._stream_head(), "choices": [choice], **usage}

    def _message(self, pieces: Sequence[Piece], calls: Sequence[Call]) -> Reply:
        words = _words(pieces)
        message: Reply = {
            "content": None if calls and not words.strip() else words,
            "refusal": None,
        }
        reasoning = "".join(text for part, text in pieces if part == "reasoning").strip()
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = _calls(calls)
        return message

    def _scores(self, index: int, scores: Sequence[TokenScore]) -> Reply | None:
        if self._asked.top_logprobs is None or not scores:
            return None
        if self._chat:
            content = [
                {**_likely(one.chosen), "top_logprobs": [_likely(best) for best in one.top]}
                for one in scores
            ]
            return {"content": content, "refusal": None}
        offsets = []
        for one in scores:
            offsets.append(self._offsets[index])
            self._offsets[index] += len(one.chosen.token)
        return {
            "tokens": [one.chosen.token for one in scores],
            "token_logprobs": [one.chosen.logprob for one in scores],
            "top_logprobs": [{best.token: best.logprob for best in one.top} for one in scores],
            "text_offset": offsets,
        }


def model_list(names: Sequence[str], created: int) -> Reply:
    """The reply of ``/v1/models``."""
    data = [
        {"id": name, "object": "model", "created": created, "owned_by": "shadow-mlx"}
        for name in names
    ]
    return {"object": "list", "data": data}


def _ends(answers: Sequence[Sequence[Written]]) -> list[Ended]:
    return [told[-1] for told in answers if isinstance(told[-1], Ended)]


def _words(pieces: Sequence[Piece]) -> str:
    return "".join(text for part, text in pieces if part == "words")


def _likely(one: Likely) -> Reply:
    data = None if one.data is None else list(one.data)
    return {"token": one.token, "logprob": one.logprob, "bytes": data}


def _calls(calls: Sequence[Call]) -> list[Reply]:
    return [
        {
            "id": "call_" + secrets.token_hex(12),
            "type": "function",
            "function": {
                "name": name,
                "arguments": json.dumps({} if arguments is None else arguments, ensure_ascii=False),
            },
        }
        for name, arguments in calls
    ]


def _usage(counts: Sequence[Counts], choices: int) -> Reply:
    prompt = sum(one.prompt for one in counts[::choices])
    written = sum(one.written for one in counts)
    drafted = sum(one.drafted for one in counts)
    accepted = sum(one.accepted for one in counts)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": sum(one.cached for one in counts[::choices])},
        "completion_tokens_details": {
            "reasoning_tokens": sum(one.reasoning for one in counts),
            "accepted_prediction_tokens": accepted,
            "rejected_prediction_tokens": drafted - accepted,
        },
    }

"""What the server does, apart from HTTP: a request's JSON to answers as they are computed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from shadow_mlx.config import ServeConfig
from shadow_mlx.errors import InputError
from shadow_mlx.generation.grammar import Constraint, Grammars
from shadow_mlx.generation.prompts import chat_prompt, plain_prompt
from shadow_mlx.serving.metrics import Metrics
from shadow_mlx.serving.models import Catalogue, Served, Weights
from shadow_mlx.serving.problems import RequestError
from shadow_mlx.serving.requests import Asked, Chat, Endpoint, Prompt, read_request
from shadow_mlx.serving.sampling import Processor, processors_of, sampler_of
from shadow_mlx.serving.scheduler import Job, Outbox, Scheduler
from shadow_mlx.serving.writing import Ended, Writing, Written

LOOK_EVERY = 0.25
"""Seconds between two looks whether the client is still there."""


@dataclass(frozen=True)
class Answers:
    """The answers to one request, as they are computed.

    Attributes:
        asked: The request.
        jobs: One for each answer.
    """

    asked: Asked
    jobs: tuple[Job, ...]

    def told(self, gone: Callable[[], bool]) -> Iterator[tuple[int, Written]]:
        """Each answer's number and what is new of it, until all have ended.

        Whoever stops reading leaves no work behind.

        Args:
            gone: Asked now and then whether nobody waits any more; then nothing more comes.

        Raises:
            RequestError: They cannot be computed.
        """
        outbox: Outbox = self.jobs[0].outbox
        left = len(self.jobs)
        try:
            while left:
                try:
                    number, event = outbox.get(timeout=LOOK_EVERY)
                except Empty:
                    if gone():
                        return
                    continue
                if isinstance(event, RequestError):
                    raise event
                left -= isinstance(event, Ended)
                yield number, event
        finally:
            if left:
                self.cancel()

    def cancel(self) -> None:
        """Nobody wants them any more."""
        for job in self.jobs:
            job.cancelled = True


class Service:
    """One server's models, and the thread that computes.

    Args:
        config: Its options.
        log: Told of what failed.

    Raises:
        ShadowMLXError: The adapters or the tokenizer cannot be used.
    """

    def __init__(self, config: ServeConfig, log: Callable[[str], None]) -> None:
        self.config = config
        self.created = int(time.time())
        self.metrics = Metrics()
        self.catalogue = Catalogue(config)
        self.scheduler = Scheduler(
            config,
            partial(Weights, config, self.catalogue.backbone),
            self.catalogue.tokenizer,
            self.metrics,
            log,
        )
        self._log = log
        self._tools_tried: set[str] = set()
        self._preparing = threading.Lock()  # tokenizers are not made for two threads
        self._grammars: Grammars | None = None

    def answers(self, value: Any, endpoint: Endpoint) -> Answers:
        """Have a request's answers computed.

        Args:
            value: Its JSON.
            endpoint: By which address it came.

        Raises:
            RequestError: It is wrong, or there is no place for it.
        """
        began = time.monotonic()
        asked = read_request(value, endpoint, self.config, self.config.longest_answer)
        served = self.catalogue.find(asked.model)
        self._check_bias(asked)
        outbox: Outbox = SimpleQueue()
        jobs: list[Job] = []
        with self._preparing:
            for prompt in asked.prompts:
                ids = self._tokens(served, prompt)
                for _ in range(asked.choices):
                    jobs.append(self._job(asked, served, prompt, ids, len(jobs), outbox, began))
        self.scheduler.submit(jobs)
        return Answers(asked, tuple(jobs))

    def _job(
        self,
        asked: Asked,
        served: Served,
        prompt: Prompt,
        ids: list[int],
        number: int,
        outbox: Outbox,
        began: float,
    ) -> Job:
        tokenizer = self.catalogue.tokenizer
        constraint = self._constraint(asked, served, ids)
        chat = isinstance(prompt, Chat)
        writing = Writing(
            tokenizer,
            served.reader,
            ids,
            stop=asked.stop,
            tools=prompt.tools if isinstance(prompt, Chat) else (),
            one_call=isinstance(prompt, Chat) and prompt.one_call,
            top=asked.top_logprobs,
            chat=chat,
        )
        return Job(
            asked,
            served,
            number,
            tuple(ids),
            writing,
            sampler_of(asked, tokenizer, number),
            _processors(asked, constraint),
            constraint,
            outbox,
            began + self.config.timeout,
            began,
        )

    def _tokens(self, served: Served, prompt: Prompt) -> list[int]:
        """A prompt's token ids."""
        vocabulary = len(self.catalogue.tokenizer._tokenizer)
        try:
            if isinstance(prompt, Chat):
                tools = list(prompt.tools) or None
                ids = chat_prompt(served.form, prompt.messages, tools, prompt.variables)
                if tools and served.name not in self._tools_tried:
                    self._tools_tried.add(served.name)
                    if ids == chat_prompt(served.form, prompt.messages, None, prompt.variables):
                        self._log(f"{served.name}: its chat template shows the model no tools")
            elif isinstance(prompt, str):
                ids = plain_prompt(served.form, prompt)
            else:
                ids = list(prompt)
        except InputError as error:
            param = "messages" if isinstance(prompt, Chat) else "prompt"
            raise RequestError(str(error), param=param) from error
        if any(token >= vocabulary for token in ids):
            raise RequestError(
                f"prompt: there is no token {max(ids)}; there are {vocabulary:,}", param="prompt"
            )
        if not ids:
            raise RequestError("prompt: it holds no token", param="prompt")
        if len(ids) > self.config.longest_prompt:
            raise RequestError(
                f"the prompt has {len(ids):,} tokens, and this server takes "
                f"{self.config.longest_prompt:,} (--longest-prompt)",
                code="context_length_exceeded",
            )
        return ids

    def _check_bias(self, asked: Asked) -> None:
        vocabulary = len(self.catalogue.tokenizer._tokenizer)
        unknown = [token for token in asked.logit_bias if token >= vocabulary]
        if unknown:
            raise RequestError(
                f"logit_bias: there is no token {unknown[0]}; there are {vocabulary:,}",
                param="logit_bias",
            )

    def _constraint(self, asked: Asked, served: Served, ids: list[int]) -> Constraint | None:
        if asked.schema is None:
            return None
        try:
            if self._grammars is None:
                self._grammars = Grammars(self.catalogue.tokenizer)
            return self._grammars.constraint(asked.schema, len(ids), served.reader.opening(ids))
        except InputError as error:
            raise RequestError(f"response_format: {error}", param="response_format") from error


def _processors(asked: Asked, constraint: Constraint | None) -> Callable[[int], list[Processor]]:
    """What changes an answer's logits, the schema last: it has the last word."""

    def made(held: int) -> list[Processor]:
        changes = processors_of(asked)
        if constraint is not None:
            constraint.skip(held)
            changes.append(constraint)
        return changes

    return made

"""The one thread that computes, and the queue in front of it."""

from __future__ import annotations

import itertools
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import mlx.core as mx

from shadow_mlx.config import ServeConfig
from shadow_mlx.errors import ShadowMLXError, surroundings_failure
from shadow_mlx.generation.decode import new_cache
from shadow_mlx.generation.drafted import Drafted
from shadow_mlx.generation.grammar import Constraint
from shadow_mlx.serving.lane_pool import LanePool
from shadow_mlx.serving.lanes import Kept, Lane, Order, Token
from shadow_mlx.serving.metrics import Metrics
from shadow_mlx.serving.models import Key, Served, Weights
from shadow_mlx.serving.problems import RequestError, failure
from shadow_mlx.serving.prompt_memory import PromptMemory
from shadow_mlx.serving.requests import Asked
from shadow_mlx.serving.sampling import Processor, Sampler
from shadow_mlx.serving.writing import Counts, Ended, Reason, Writing, Written
from shadow_mlx.shadow.reach import positions_of

Event = Written | RequestError
Outbox = SimpleQueue[tuple[int, Event]]
"""What happens to a request's answers, each by its number; an error ends them all."""


@dataclass(eq=False)
class Job:
    """One answer that is to be computed.

    Attributes:
        asked: The request.
        served: The model.
        number: Which of the request's answers this is.
        prompt: Token ids.
        writing: Reads what is written.
        sampler: Chooses tokens.
        processors: See :class:`~shadow_mlx.serving.lanes.Order`.
        constraint: What keeps the answer to a schema, if anything does.
        outbox: Told of everything.
        deadline: When it is given up, by the monotonic clock.
        began: When the request came.
        cancelled: Set by whoever does not want it any more.
    """

    asked: Asked
    served: Served
    number: int
    prompt: tuple[int, ...]
    writing: Writing
    sampler: Sampler
    processors: Callable[[int], list[Processor]]
    constraint: Constraint | None
    outbox: Outbox
    deadline: float
    began: float = field(default_factory=time.monotonic)
    cancelled: bool = False


@dataclass(eq=False)
class _Running:
    """A job in a lane."""

    job: Job
    key: Key
    lane: Lane
    cached: int
    drafted: Drafted | None = None
    told: bool = False


class Scheduler:
    """Takes jobs from any thread, and computes them on its own.

    Jobs of one model are computed together where its caches can be, those of several models in
    turns, a step each. A job that is alone may be drafted.

    Args:
        config: The limits.
        load: Reads the weights; called on the thread that computes.
        tokenizer: As mlx-lm loads it.
        metrics: Counts tokens and times.
        log: Told of what failed, with its traceback.
    """

    def __init__(
        self,
        config: ServeConfig,
        load: Callable[[], Weights],
        tokenizer: Any,
        metrics: Metrics,
        log: Callable[[str], None],
    ) -> None:
        self._config = config
        self._load = load
        self._tokenizer = tokenizer
        self._metrics = metrics
        self._log = log
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._running: dict[int, _Running] = {}
        self._numbers = itertools.count()
        self._prompts = PromptMemory(config.prompt_cache << 20)
        self._lock = threading.Lock()
        self._outstanding = 0  # jobs that were taken and have not ended
        self._closing = False
        self._hurried = False
        self._ready: SimpleQueue[BaseException | None] = SimpleQueue()
        self._adapters: list[str] = []
        self._thread = threading.Thread(target=self._main, name="model", daemon=True)

    def start(self) -> None:
        """Begin; returns when the backbone is in memory.

        Raises:
            ShadowMLXError: It cannot be loaded.
        """
        self._thread.start()
        error = self._ready.get()
        if error is not None:
            raise error

    @property
    def begun(self) -> bool:
        """Whether the thread was started."""
        return self._thread.ident is not None

    @property
    def alive(self) -> bool:
        """Whether answers can be computed."""
        return self._thread.is_alive() and not self._closing

    @property
    def gauges(self) -> dict[str, float]:
        """What can be counted right now."""
        running = len(self._running)
        return {
            "answers_running": running,
            "answers_waiting": max(0, self._outstanding - running),
            "adapters_loaded": len(self._adapters),
            "prompt_cache_bytes": self._prompts.nbytes,
            "memory_bytes": mx.get_active_memory(),
        }

    def submit(self, jobs: Sequence[Job]) -> None:
        """Have jobs computed.

        Raises:
            RequestError: The queue is full, or the server is going down.
        """
        with self._lock:
            if not self.alive:
                raise RequestError("the server is going down", 503, code="shutting_down")
            if self._outstanding + len(jobs) > self._config.concurrency + self._config.queue:
                raise RequestError(
                    "too many answers wait already; try again in a moment",
                    429,
                    code="queue_full",
                    headers={"Retry-After": "1"},
                )
            self._outstanding += len(jobs)
        for job in jobs:
            self._inbox.put(job)

    def close(self, *, hurry: bool = False) -> None:
        """Take nothing more, and end: when everything is answered, or, hurried, at once."""
        with self._lock:
            self._closing = True
            self._hurried = self._hurried or hurry
        self._inbox.put(None)

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _main(self) -> None:
        try:
            self._weights = self._load()
            self._lanes = LanePool(
                self._weights.base,
                self._tokenizer,
                self._config.concurrency,
                mixing=bool(self._config.adapters),
            )
        except BaseException as error:  # noqa: BLE001 - raised again by whoever started this
            self._ready.put(error)
            return
        self._ready.put(None)
        try:
            while not (self._closing and (self._hurried or not self._outstanding)):
                self._turn()
        finally:
            self._fail_all(RequestError("the server is going down", 503, code="shutting_down"))
            self._lanes.close()

    def _turn(self) -> None:
        """Take what came, begin what has a place, and go a step in every lane."""
        self._take(wait=not self._running and not self._waiting)
        self._give_up()
        self._begin()
        for lane in dict.fromkeys(one.lane for one in self._running.values()):
            try:
                tokens = lane.step()
            except Exception as error:  # noqa: BLE001 - the other lanes' answers are not its matter
                self._break(lane, error)
            else:
                for token in tokens:
                    self._tell(token)

    def _take(self, wait: bool) -> None:
        try:
            while True:
                job = self._inbox.get(block=wait)
                wait = False
                if job is not None:
                    self._waiting.append(job)
        except Empty:
            return

    def _give_up(self) -> None:
        """End what nobody wants any more, or what takes too long."""
        now = time.monotonic()
        late = RequestError(
            f"the answer took more than {self._config.timeout:g} seconds", 504, code="timeout"
        )
        for job in [job for job in self._waiting if job.cancelled or job.deadline < now]:
            self._waiting.remove(job)
            self._end(job, late)
        for number, one in list(self._running.items()):
            if one.job.cancelled or one.job.deadline < now:
                self._keep(one, one.lane.remove(number))
                del self._running[number]
                self._end(one.job, late)

    def _begin(self) -> None:
        """Begin the jobs that have a place. One whose model has none does not hold up others."""
        left: deque[Job] = deque()
        while self._waiting and len(self._running) < self._config.concurrency:
            job = self._waiting.popleft()
            try:
                if not self._place(job):
                    left.append(job)
            except RequestError as error:
                self._end(job, error)
            except Exception as error:  # noqa: BLE001 - of one job; the others are answered
                self._end(job, self._unforeseen(error))
        self._waiting.extendleft(reversed(left))

    def _place(self, job: Job) -> bool:
        """Put a job into a lane; False where its weights have no place yet."""
        key = self._weights.key(job.served)
        busy = {one.key.adapter for one in self._running.values()}
        try:
            model = self._weights.model(key, busy)
        except ShadowMLXError as error:
            self._log(f"{job.served.name}: {error}")
            raise RequestError(
                f"the model {job.served.name} cannot be loaded; the server's log says why",
                503,
                code="model_unavailable",
            ) from error
        self._adapters = self._weights.loaded
        if model is None:
            return False
        self._lanes.forget(self._adapters)
        sampling = job.asked.sampling
        limit = positions_of(model)
        most = sampling.max_tokens
        room = most if limit is None else limit.room(len(job.prompt), most)
        if room < 1:
            raise RequestError(
                f"the prompt has {len(job.prompt):,} tokens, and {limit}",
                code="context_length_exceeded",
            )
        caches, held = self._prompts.take(key, sampling.max_kv_size, job.prompt)
        if caches is None:
            caches = new_cache(model, sampling.max_kv_size)
        alone = not self._running and not self._waiting
        lane = self._lanes.lane(key, model, job.asked, caches, alone=alone)
        number = next(self._numbers)
        order = Order(
            job.prompt, held, caches, room, job.sampler, job.processors, adapter=key.adapter
        )
        lane.add(number, order)
        self._running[number] = _Running(job, key, lane, held)
        return True

    def _keep(self, one: _Running, kept: Kept | None) -> None:
        self._prompts.keep(one.key, one.job.asked.sampling.max_kv_size, kept)

    def _tell(self, token: Token) -> None:
        """Hand a token on; at the end of its answer, keep what may be used again."""
        one = self._running.get(token.order)
        if one is None:
            return
        job = one.job
        if not one.told:
            one.told = True
            self._metrics.time("first_token_seconds", time.monotonic() - job.began)
        one.drafted = token.drafted or one.drafted
        if job.constraint is not None and job.constraint.problem is not None:
            one.lane.remove(token.order)
            del self._running[token.order]
            problem = RequestError(job.constraint.problem, param="response_format")
            self._end(job, problem)
            return
        written = job.writing.add(token.token, token.logprobs, token.reason == "stop")
        self._metrics.count("generated_tokens_total")
        reason: Reason | None = token.reason
        kept = token.kept
        if reason is None and job.writing.stopped:
            reason, kept = "stop", one.lane.remove(token.order)
        if written.pieces or written.scores:
            job.outbox.put((job.number, written))
        if reason is None:
            return
        del self._running[token.order]
        self._keep(one, kept)
        self._end(job, job.writing.finish(reason, self._counts(one)))

    def _counts(self, one: _Running) -> Counts:
        written, reasoning = one.job.writing.counted
        drafted = one.drafted
        counts = Counts(
            len(one.job.prompt),
            one.cached,
            written,
            reasoning,
            drafted.drafted if drafted else 0,
            drafted.accepted if drafted else 0,
        )
        for name, number in (
            ("prompt_tokens_total", counts.prompt),
            ("cached_tokens_total", counts.cached),
            ("drafted_tokens_total", counts.drafted),
            ("accepted_tokens_total", counts.accepted),
        ):
            self._metrics.count(name, number)
        return counts

    def _end(self, job: Job, last: Ended | RequestError) -> None:
        with self._lock:
            self._outstanding -= 1
        job.outbox.put((job.number, last))

    def _break(self, lane: Lane, error: Exception) -> None:
        """End the answers of a lane in which something failed, and the lane."""
        told = self._unforeseen(error)
        for number, one in list(self._running.items()):
            if one.lane is lane:
                del self._running[number]
                self._end(one.job, told)
        self._lanes.drop(lane)
        self._prompts.clear()  # memory may be what it lacked
        mx.clear_cache()

    def _unforeseen(self, error: Exception) -> RequestError:
        known = surroundings_failure(error)
        if known is not None:
            self._log(str(known))
            return RequestError(str(known), 503, code="out_of_resources")
        self._log("".join(traceback.format_exception(error)))
        return failure()

    def _fail_all(self, error: RequestError) -> None:
        self._take(wait=False)
        for job in [*self._waiting, *(one.job for one in self._running.values())]:
            self._end(job, error)
        self._waiting.clear()
        self._running.clear()

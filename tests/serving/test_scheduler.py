from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from shadow_mlx.config import ServeConfig
from shadow_mlx.errors import ModelError
from shadow_mlx.serving.problems import RequestError
from shadow_mlx.serving.service import Answers, Service
from shadow_mlx.serving.writing import Ended
from tests.serving.conftest import SECONDS, wait_for


@pytest.fixture
def begun(tiny_adapter: Any, other_adapter: Any) -> Callable[..., Any]:
    """A service without HTTP."""

    @contextmanager
    def one(**options: Any) -> Iterator[tuple[Service, list[str]]]:
        said: list[str] = []
        adapters = (str(tiny_adapter), str(other_adapter))
        config = ServeConfig(**{"adapter_path": adapters, "timeout": SECONDS, **options})
        service = Service(config, said.append)
        service.scheduler.start()
        try:
            yield service, said
        finally:
            service.scheduler.close(hurry=True)
            assert service.scheduler.join(SECONDS)

    return one


def ask(service: Service, text: str = "hello", which: int = 0, **fields: Any) -> Answers:
    name = service.catalogue.names[3 * which]
    messages = [{"role": "user", "content": text}]
    value = {"model": name, "messages": messages, "max_tokens": 12, **fields}
    return service.answers(value, "chat")


def last(answers: Answers) -> Ended:
    event = list(answers.told(lambda: False))[-1][1]
    assert isinstance(event, Ended)
    return event


def test_what_nobody_waits_for_frees_its_place(begun: Any) -> None:
    with begun(concurrency=1, queue=2) as (service, _):
        endless = ask(service, max_tokens=8000)
        waiting = ask(service, "later")
        wait_for(lambda: service.scheduler.gauges["answers_running"] == 1)
        assert service.scheduler.gauges["answers_waiting"] == 1
        endless.cancel()
        assert last(waiting).counts.written == 12
        dropped = [ask(service, max_tokens=8000) for _ in range(3)]
        for one in dropped:
            one.cancel()
        wait_for(lambda: not service.scheduler.gauges["answers_waiting"])
        assert last(ask(service, "and then")).counts.written == 12
        wait_for(lambda: service.scheduler.gauges["answers_running"] == 0)


def test_tokens_are_counted_while_they_are_written(begun: Any) -> None:
    with begun() as (service, _):
        count = partial(service.metrics.value, "generated_tokens_total")
        endless = ask(service, max_tokens=8000)
        wait_for(lambda: count() > 3)
        assert service.scheduler.gauges["answers_running"] == 1
        endless.cancel()
        wait_for(lambda: service.scheduler.gauges["answers_running"] == 0)
        before = count()
        assert last(ask(service)).counts.written == count() - before == 12


def test_the_queue_has_an_end(begun: Any) -> None:
    with begun(concurrency=1, queue=1) as (service, _):
        running, waiting = ask(service, max_tokens=8000), ask(service)
        with pytest.raises(RequestError, match="too many answers wait") as refused:
            ask(service)
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        with pytest.raises(RequestError, match="too many answers wait"):
            ask(service, n=3)
        running.cancel()
        assert last(waiting).counts.written == 12
        assert last(ask(service)).counts.written == 12


def test_what_takes_too_long_is_given_up(begun: Any) -> None:
    with begun(concurrency=1, timeout=0.3) as (service, _):
        running, waiting = ask(service, max_tokens=8000), ask(service, max_tokens=8000)
        for answers in (running, waiting):
            with pytest.raises(RequestError, match=r"more than 0\.3 seconds") as late:
                last(answers)
            assert late.value.status == 504
        assert service.scheduler.gauges["answers_running"] == 0


def test_a_fault_ends_its_own_answers_and_nothing_else(
    begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shadow_mlx.serving.lanes import BatchLane

    with begun(draft=False) as (service, said):
        expected = last(ask(service)).counts
        step = BatchLane.step
        monkeypatch.setattr(BatchLane, "step", lambda lane: 1 // 0)
        with pytest.raises(RequestError, match="the server failed") as failed:
            last(ask(service))
        assert failed.value.status == 500
        assert "ZeroDivisionError" in said[-1]

        def no_memory(lane: Any) -> Any:
            raise RuntimeError("[malloc] Unable to allocate 8 bytes")

        monkeypatch.setattr(BatchLane, "step", no_memory)
        with pytest.raises(RequestError, match="out of memory") as failed:
            last(ask(service))
        assert failed.value.status == 503
        monkeypatch.setattr(BatchLane, "step", step)
        assert last(ask(service)).counts.written == expected.written


def test_an_adapter_that_is_broken_breaks_no_other(
    begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shadow_mlx import loading

    with begun() as (service, said):
        attach = loading.attach_adapter

        def broken(path: Any, *args: Any, **options: Any) -> Any:
            if path == service.config.adapters[1]:
                raise ModelError("its weights are lost")
            return attach(path, *args, **options)

        monkeypatch.setattr(loading, "attach_adapter", broken)
        with pytest.raises(RequestError, match="cannot be loaded") as failed:
            last(ask(service, which=1))
        assert failed.value.status == 503
        assert "its weights are lost" in said[-1]
        assert last(ask(service, which=0)).counts.written == 12


def test_more_adapters_than_places_take_turns(begun: Any) -> None:
    with begun(max_adapters=1) as (service, _):
        names = service.catalogue.names
        expected = [last(ask(service, which=which)).counts for which in (0, 1)]
        answers = [ask(service, which=i % 2, max_tokens=12 + i) for i in range(8)]
        for i, one in enumerate(answers):
            assert last(one).counts.prompt == expected[i % 2].prompt
        assert len(names) == 6
        assert service.scheduler.gauges["adapters_loaded"] == 1


def words(answers: Answers) -> str:
    return "".join(t for _, event in answers.told(lambda: False) for _, t in event.pieces)


def test_who_is_alone_is_drafted_and_says_the_same(begun: Any) -> None:
    with begun(prompt_cache=0) as (service, _):
        plain = words(ask(service, max_tokens=30))
    with begun(draft=True, prompt_cache=0) as (service, _):
        assert words(ask(service, max_tokens=30)) == plain
        counts = last(ask(service, max_tokens=30)).counts
        assert counts.drafted >= counts.accepted
        assert counts.drafted > 0
        running = ask(service, max_tokens=3000)
        wait_for(lambda: service.scheduler.gauges["answers_running"] == 1)
        beside = last(ask(service, max_tokens=30)).counts
        assert beside.drafted == 0
        running.cancel()
        seeded = last(ask(service, temperature=1, seed=3)).counts
        assert seeded.drafted == 0


def test_a_short_memory_is_kept_to_one_answer_at_a_time(begun: Any, alone: Any) -> None:
    with begun(max_kv_size=16) as (service, _):
        answers = [ask(service, f"number {i}", max_tokens=20) for i in range(3)]
        said = [words(one) for one in answers]
    for i, text in enumerate(said):
        assert text == alone(f"number {i}", max_tokens=20, max_kv_size=16).text


def test_the_end_waits_for_what_was_taken(begun: Any) -> None:
    with begun() as (service, _):
        answers = [ask(service, f"{i}", max_tokens=40) for i in range(4)]
        service.scheduler.close()
        with pytest.raises(RequestError, match="going down") as refused:
            ask(service)
        assert refused.value.status == 503
        assert [last(one).counts.written for one in answers] == [40] * 4
        assert service.scheduler.join(SECONDS)
        assert not service.scheduler.alive


def test_a_hurried_end_tells_everybody(begun: Any) -> None:
    with begun(concurrency=1) as (service, _):
        answers = [ask(service, max_tokens=8000) for _ in range(3)]
        service.scheduler.close(hurry=True)
        for one in answers:
            with pytest.raises(RequestError, match="going down"):
                last(one)


def test_what_cannot_be_loaded_is_said_at_the_beginning(
    tiny_adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shadow_mlx import loading

    def broken(*args: Any, **options: Any) -> Any:
        raise ModelError("no such weights")

    service = Service(ServeConfig(adapter_path=(str(tiny_adapter),)), print)
    monkeypatch.setattr(loading, "load_backbone", broken)
    with pytest.raises(ModelError, match="no such weights"):
        service.scheduler.start()


def test_a_schema_that_cannot_be_followed_ends_its_answer_alone(
    begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shadow_mlx.generation.grammar import Constraint

    def lost(constraint: Constraint, tokens: Any, logits: Any) -> Any:
        constraint.problem = "the JSON schema cannot be followed: too much"
        return logits

    monkeypatch.setattr(Constraint, "__call__", lost)
    with begun() as (service, _):
        other = ask(service, max_tokens=30)
        bound = ask(service, response_format={"type": "json_object"})
        with pytest.raises(RequestError, match="cannot be followed") as failed:
            last(bound)
        assert (failed.value.status, failed.value.param) == (400, "response_format")
        assert last(other).counts.written == 30

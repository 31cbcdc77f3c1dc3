from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.config import ServeConfig
from shadow_mlx.serving.problems import RequestError
from shadow_mlx.serving.service import Service
from tests.tiny import write_tiny_backbone

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def service(tiny_adapter: Any, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that takes jobs and computes none."""
    made = Service(ServeConfig(adapter_path=(str(tiny_adapter),), longest_prompt=60), print)
    monkeypatch.setattr(made.scheduler, "submit", lambda jobs: None)
    return made


def test_a_request_becomes_a_job_for_each_answer(service: Service) -> None:
    name = service.catalogue.names[0]
    answers = service.answers({"model": name, "prompt": ["ab", "c"], "n": 2}, "completions")
    assert [job.number for job in answers.jobs] == [0, 1, 2, 3]
    assert [len(job.prompt) for job in answers.jobs] == [2, 2, 1, 1]
    assert len({id(job.outbox) for job in answers.jobs}) == 1
    for job in answers.jobs:
        assert job.deadline - job.began == pytest.approx(service.config.timeout)


def test_what_the_client_leaves_is_cancelled(service: Service) -> None:
    name = service.catalogue.names[0]
    answers = service.answers({"model": name, "messages": HELLO}, "chat")
    assert list(answers.told(lambda: True)) == []
    assert all(job.cancelled for job in answers.jobs)


def test_an_error_of_one_answer_ends_all(service: Service) -> None:
    name = service.catalogue.names[0]
    answers = service.answers({"model": name, "messages": HELLO, "n": 2}, "chat")
    answers.jobs[0].outbox.put((1, RequestError("late", 504)))
    with pytest.raises(RequestError, match="late"):
        list(answers.told(lambda: False))
    assert all(job.cancelled for job in answers.jobs)


def test_a_prompt_has_an_end(service: Service) -> None:
    name = service.catalogue.names[0]
    service.answers({"model": name, "prompt": [5] * 60}, "completions")
    with pytest.raises(RequestError, match=r"61 tokens, and this server takes 60") as refused:
        service.answers({"model": name, "prompt": [5] * 61}, "completions")
    assert refused.value.code == "context_length_exceeded"


def test_a_model_without_a_template_is_continued_only(tmp_path: Any) -> None:
    backbone = write_tiny_backbone(tmp_path / "bare", chat_template=None)
    service = Service(ServeConfig(model=str(backbone)), print)
    with pytest.raises(RequestError, match="has no chat template") as refused:
        service.answers({"model": "bare", "messages": HELLO}, "chat")
    assert (refused.value.status, refused.value.param) == (400, "messages")


def test_what_the_template_refuses_is_said(tmp_path: Any) -> None:
    template = "{{ raise_exception('no system role') }}"
    backbone = write_tiny_backbone(tmp_path / "strict", chat_template=template)
    service = Service(ServeConfig(model=str(backbone)), print)
    with pytest.raises(RequestError, match="refuses these messages: no system role"):
        service.answers({"model": "strict", "messages": HELLO}, "chat")


def test_tools_that_no_template_shows_are_told_once(tiny_adapter: Any, tmp_path: Any) -> None:
    tool = {"type": "function", "function": {"name": "go"}}
    said: list[str] = []
    showing = write_tiny_backbone(
        tmp_path / "showing", chat_template="{{ tools | tojson }}{{ messages[0].content }}"
    )
    for config in (ServeConfig(adapter_path=(str(tiny_adapter),)), ServeConfig(model=str(showing))):
        service = Service(config, said.append)
        service.scheduler.submit = lambda jobs: None  # type: ignore[method-assign]  # computes none
        name = service.catalogue.names[0]
        for _ in range(2):
            service.answers({"model": name, "messages": HELLO, "tools": [tool]}, "chat")
    assert said == [f"{tiny_adapter.name}: its chat template shows the model no tools"]

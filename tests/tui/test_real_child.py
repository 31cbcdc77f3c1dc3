"""With real models in a real child: sprout as it comes, and a tiny run from start to chat."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from shadow_mlx.config import ServeConfig, TrainConfig
from shadow_mlx.worker import messages as m
from tests.tui.support import FAKE_WORKER, PATIENCE, WIDE, press, shown, until, words
from tui.app import ShadowApp
from tui.child import Child, ChildError, Children
from tui.screens.chat import ChatScreen
from tui.screens.compare import CompareScreen
from tui.server import LocalServer
from tui.system import worker_command
from tui.widgets.side_by_side import SideBySide


def test_sprout_answers_stops_and_says_what_is_wrong() -> None:
    async def test() -> None:
        child = Child(worker_command())
        try:
            loaded = await child.result(m.Load(child.number(), "sprout"), m.Loaded)
            assert loaded.modes == ["base"]
            question = [{"role": "user", "content": "Hello!"}]
            pieces: list[str] = []
            final: m.Reply | None = None
            async for reply in child.ask(m.Ask(child.number(), "base", question)):
                if isinstance(reply, m.Piece):
                    pieces.append(reply.text)
                final = reply
            assert isinstance(final, m.Answered)
            assert "".join(pieces) == final.text
            with pytest.raises(ChildError, match="attached is not loaded"):
                await child.result(m.Ask(child.number(), "attached", question), m.Answered)
            wrong = m.Ask(child.number(), "base", question, {"temp": -1})
            with pytest.raises(ChildError, match="--temp"):
                await child.result(wrong, m.Answered)
            await _stopped(child, question)
            models = await child.result(m.ListModels(child.number()), m.Models)
            assert [x.name for x in models.models if x.where == "bundled"] == ["sprout"]
        finally:
            await child.close()

    asyncio.run(test())


async def test_who_stops_asking_while_it_starts_leaves_a_child_that_can_be_ended() -> None:
    child = Child(FAKE_WORKER)
    asking = asyncio.create_task(child.result(m.ListModels(child.number()), m.Models))
    for _ in range(2):  # as the program does that ends
        await asyncio.sleep(0)
        asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with child._starting:
        assert child.process_id is not None
    await child.close()
    assert child.process_id is None


async def test_who_asks_while_all_end_starts_no_other() -> None:
    children = Children(FAKE_WORKER)
    await children.close()
    with pytest.raises(ChildError, match="The program ends"):
        await children.installed_models()


async def _stopped(child: Child, question: list[dict[str, str]]) -> None:
    """An endless answer ends when it is stopped, and the child lives on."""
    number, reasons = child.number(), []
    endless = {"max_tokens": 100_000, "temp": 5.0}
    async for reply in child.ask(m.Ask(number, "base", question, endless)):
        if isinstance(reply, m.Piece):
            child.stop(number)
        elif isinstance(reply, m.Answered):
            reasons.append(reply.finish_reason)
    assert reasons in ([], ["interrupted"], ["stop"])
    await child.result(m.Ask(child.number(), "base", question), m.Answered)


async def test_a_real_run_from_start_to_chat(own_place: Path, tiny_backbone: Path) -> None:
    lines = [
        json.dumps({"messages": [
            {"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": str(i)},
        ]})
        for i in range(20)
    ]  # fmt: skip
    (own_place / "data.jsonl").write_text("\n".join(lines))
    config = TrainConfig(
        model=str(tiny_backbone), data="data.jsonl", iters=4, batch_size=4, rank=2,
        steps_per_report=1, samples=1, steps_per_eval=4, save_every=2, adapter_path="mine",
    )  # fmt: skip

    app = ShadowApp()
    async with shown(app) as pilot:
        await app.launch(config)
        await until(pilot, lambda: "✔ done" in words(pilot))
        await until(pilot, lambda: "100% 4/4" in words(pilot))
        await press(pilot, "c")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        app.remember(answers={"max_tokens": 4})
        await press(pilot, *"hi", "enter")
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        await until(pilot, lambda: len(screen.conversation.turns) == 2)
        await press(pilot, "ctrl+t", "ctrl+r")
        await until(pilot, lambda: screen.conversation.turns[-1].mode == "detached")


async def test_a_real_comparison_with_its_report(own_place: Path, tiny_adapter: Path) -> None:
    lines = [
        {"messages": [{"role": "user", "content": x}, {"role": "assistant", "content": "yes"}]}
        for x in ("one", "two")
    ]
    (own_place / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    other = shutil.copytree(tiny_adapter, own_place / "other")

    app = ShadowApp()
    app.remember(answers={"max_tokens": 3}, compare={"max_tokens": 3})
    async with shown(app, WIDE) as pilot:
        await app.compare_with(tiny_adapter)
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        screen.load(str(tiny_adapter), str(other))
        columns = screen.query_one(SideBySide)
        await until(pilot, lambda: len(columns.order) == 5)
        screen.query_one("#prompt").focus()
        await press(pilot, *"hi", "enter")
        await until(pilot, lambda: len(columns.answers) == 5)
        said = {name: answer.text for name, answer in columns.answers.items()}
        assert said[f"attached {tiny_adapter.name}"] == said["attached other"]
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "Measure a test file" in words(pilot))
        await press(pilot, *"test.jsonl", "enter")
        await until(pilot, lambda: "2 questions of test.jsonl" in words(pilot))
        await press(pilot, "e")
        await until(pilot, lambda: "compare-test.html" in words(pilot))
        await press(pilot, "enter")
        report = own_place / "compare-test.html"
        await until(pilot, report.exists)
        assert "detached other" in report.read_text(encoding="utf-8")


async def test_a_real_server(own_place: Path, tiny_adapter: Path) -> None:
    shutil.copytree(tiny_adapter, own_place / "robot")
    broken = shutil.copytree(tiny_adapter, own_place / "broken")
    (broken / "adapter_model.safetensors").write_bytes(b"not much")
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.server.start(ServeConfig(adapter_path=("robot", "broken"), port=0))
        await until(pilot, lambda: app.server.view.phase == "serving")
        url, names = app.server.view.url, ["robot", "broken:base", "robot:detached"]
        asking = asyncio.gather(*(asyncio.to_thread(asked, url, name) for name in names))
        assert [len(text) > 0 for text in await asking] == [True, True, True]
        with pytest.raises(urllib.error.HTTPError):
            await asyncio.to_thread(asked, url, "broken")
        await until(pilot, lambda: (now := app.server.view.now).requests == 4 and now.refused == 1)
        assert app.server.view.now.written > 0
        said = "\n".join(app.server.log())
        assert "robot:detached" in said
        assert "broken" in said
        assert "Hello" not in said
        app.server.stop()
        await until(pilot, lambda: app.server.view.phase == "off")
        app.server.start(ServeConfig(adapter_path=("robot",), port=int(url.split(":")[2][:-3])))
        await until(pilot, lambda: app.server.view.phase == "serving")
        taken = LocalServer(lambda: None)
        assert app.server.view.options is not None
        taken.start(app.server.view.options)
        await until(pilot, lambda: taken.view.phase == "failed")
        assert taken.view.problem.startswith("cannot listen on 127.0.0.1, port")
        taken.start(ServeConfig(adapter_path=("nothing",)))
        await until(pilot, lambda: taken.view.phase == "failed")
        assert taken.view.problem.startswith("no adapter in nothing")


def asked(url: str, name: str) -> str:
    """One short answer."""
    messages = [{"role": "user", "content": "Hello"}]
    body = json.dumps({"model": name, "messages": messages, "max_tokens": 4}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        return str(json.load(reply)["choices"][0]["message"]["content"])


def test_a_real_comparison_stopped_gives_what_it_has(own_place: Path, tiny_adapter: Path) -> None:
    line = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}
    (own_place / "test.jsonl").write_text((json.dumps(line) + "\n") * 4)

    async def test() -> None:
        child = Child(worker_command())
        try:
            number, compared = child.number(), []
            request = m.CompareFile(
                number,
                {"data": "test.jsonl", "adapter_path": [str(tiny_adapter)], "max_tokens": 128},
            )
            async for reply in child.ask(request):
                if isinstance(reply, m.Progress) and reply.what == "attached: loss":
                    child.stop(number)
                elif isinstance(reply, m.Compared):
                    compared.append(reply.figures)
            (figures,) = compared
            assert figures["stopped"]
            assert figures["results"][0]["name"] == "base"
            await child.result(m.Load(child.number(), None, str(tiny_adapter)), m.Loaded)
        finally:
            await child.close()

    asyncio.run(test())

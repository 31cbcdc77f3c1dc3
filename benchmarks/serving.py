"""Many clients at one server: ``python -m benchmarks.serving --adapter-path DIR [--seconds 120]``.

A server of its own is started. Each question is asked once by itself, in each mode; then some
clients ask them over and over, half of them as streams, some going away in the middle. Every
answer must be the one that was given alone, and the server's memory must not grow.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shadow_mlx.machine import memory_of

QUESTIONS = (
    "Fetch a green key, please.",
    "Take the blue sofa to the garage.",
    "Please meet Tom in the garage.",
    "Carry the white ball to the bathroom.",
    "Hello!",
    "Where is the red bag?",
    "Go to the kitchen and wait there.",
    "Bring me two cups from the living room, then come back to the hall.",
)
LEAVES = 0.05
"""Share of the requests whose client goes away in the middle."""

Question = tuple[str, str, int]
"""A model, what it is asked, and the longest answer."""


@dataclass
class Load:
    """What became of many requests.

    Attributes:
        seconds: How long they took, each.
        wrong: Answers that were not those given alone.
        errors: Everything else that went wrong.
        left: Requests whose client went away.
        memory: The server's memory in bytes, now and then.
    """

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    left: int = 0
    memory: list[int] = field(default_factory=list)


def questions_of(models: Sequence[str], longest: Sequence[int] = (24, 48)) -> list[Question]:
    """What is asked: every question to every model, short and long."""
    return [(model, text, most) for model in models for text in QUESTIONS for most in longest]


def ask(port: int, question: Question, *, stream: bool = False, leave: bool = False) -> str | None:
    """One answer; None where the client goes away in the middle.

    Raises:
        RuntimeError: The server refused.
    """
    model, text, most = question
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": most}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps({**body, "stream": stream}),
            {"Content-Type": "application/json"},
        )
        if leave and not stream:
            return None
        reply = connection.getresponse()
        if leave:
            reply.read(20)
            return None
        data = reply.read().decode()
    finally:
        connection.close()
    if reply.status != 200:
        raise RuntimeError(f"{reply.status}: {data[:200]}")
    return _streamed(data) if stream else str(json.loads(data)["choices"][0]["message"]["content"])


def _streamed(data: str) -> str:
    events = [line.removeprefix("data: ") for line in data.split("\n\n") if line]
    if events[-1] != "[DONE]":
        raise RuntimeError(f"a stream without its end: {events[-1][:200]}")
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    return "".join(delta.get("content") or "" for delta in deltas)


def load(
    port: int, questions: Sequence[Question], *, clients: int, seconds: float, process: int
) -> Load:
    """Ask from many clients at once.

    Args:
        port: Where the server listens.
        questions: What is asked.
        clients: How many ask at once.
        seconds: How long.
        process: The server's, whose memory is looked at.
    """
    expected = {question: ask(port, question) for question in questions}
    found, lock, end = Load(), threading.Lock(), time.monotonic() + seconds

    def client(number: int) -> None:
        draws = random.Random(number)
        while time.monotonic() < end:
            question, leave = draws.choice(questions), draws.random() < LEAVES
            began = time.monotonic()
            try:
                answer = ask(port, question, stream=draws.random() < 0.5, leave=leave)
            except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
                with lock:
                    found.errors.append(f"{question}: {error!r}")
                continue
            with lock:
                if leave:
                    found.left += 1
                    continue
                found.seconds.append(time.monotonic() - began)
                if answer != expected[question]:
                    found.wrong.append(f"{question}: {answer!r}, alone {expected[question]!r}")

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found.memory.append(memory_of(process))
        threads[0].join(min(1.0, seconds / 10))
        for thread in threads[1:]:
            thread.join(0.0)
    return found


def metric(port: int, name: str) -> float:
    """One number of the server's metrics."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(rf"^shadow_mlx_{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def report(found: Load, seconds: float, tokens: float) -> dict[str, Any]:
    """The figures of a load."""
    times = sorted(found.seconds)
    half = found.memory[len(found.memory) // 2 :] or [0]
    return {
        "answers": len(times),
        "wrong": len(found.wrong),
        "errors": len(found.errors),
        "left": found.left,
        "answers_per_second": round(len(times) / seconds, 1),
        "tokens_per_second": round(tokens / seconds, 1),
        "median_seconds": round(statistics.median(times), 3),
        "p99_seconds": round(times[int(0.99 * (len(times) - 1))], 3),
        "memory_mb": [round(one / 1e6) for one in (found.memory[0], half[0], found.memory[-1])],
    }


def main() -> None:
    """Start a server, ask, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter-path", action="append", required=True)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--clients", type=int, default=32)
    args = parser.parse_args()
    command = [sys.executable, "-m", "shadow_mlx", "serve", "--port", "0", "--adapter-path"]
    with subprocess.Popen(
        [*command, *args.adapter_path], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        found = next(m for line in lines if (m := re.search(r"at http://\S+:(\d+)/v1", line)))
        threading.Thread(target=lambda: [*lines], daemon=True).start()
        port = int(found[1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/v1/models")
        models = [one["id"] for one in json.load(connection.getresponse())["data"]]
        before = metric(port, "generated_tokens_total")
        result = load(
            port, questions_of(models), clients=args.clients, seconds=args.seconds,
            process=process.pid,
        )  # fmt: skip
        tokens = metric(port, "generated_tokens_total") - before
        print(json.dumps(report(result, args.seconds, tokens), indent=2))
        print("running and waiting at the end:", metric(port, "answers_running"),
              metric(port, "answers_waiting"))  # fmt: skip
        for line in (*result.wrong[:5], *result.errors[:5]):
            print(line)
        process.terminate()


if __name__ == "__main__":
    main()

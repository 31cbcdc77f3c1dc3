"""Starts several processes of the program on one machine, as ``mlx.launch -n 2`` does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

PROGRAM = ("-m", "shadow_mlx")

SAMPLED = 8
"""Tokens of an answer while training, where tests say so: for each of them the processes exchange
what they have several times, and who waits keeps a core busy.
"""

BRIEF = (
    "-c",
    f"""
import sys
from shadow_mlx.cli.main import main
from shadow_mlx.training import samples
samples.MAX_TOKENS = {SAMPLED}
sys.exit(main())
""",
)
"""The program, with such answers."""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(
    folder: Path, arguments: list[str], world: int = 2, program: tuple[str, ...] = PROGRAM
) -> list[subprocess.Popen[str]]:
    """The processes, over MLX's ring backend; ``folder`` takes the list of their addresses."""
    hosts = folder / "hosts.json"
    hosts.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in free_ports(world)]))
    return [
        subprocess.Popen(
            [sys.executable, *program, *arguments],
            env=os.environ
            | ({"MLX_RANK": str(rank), "MLX_HOSTFILE": str(hosts)} if world > 1 else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]


def run(
    folder: Path,
    arguments: list[str],
    world: int = 2,
    *,
    typed: str = "",
    program: tuple[str, ...] = PROGRAM,
) -> list[tuple[str, str]]:
    """What each process has written, stdout and stderr, once all of them have ended well.

    What is typed is handed to all of them, as mlx.launch does.
    """
    processes = start(folder, arguments, world, program)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(typed)
        process.stdin.flush()
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * world, outputs
    return outputs

"""The load test in small: a few seconds of many clients."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks import serving as bench
from shadow_mlx.config import ServeConfig
from shadow_mlx.serving.access import AccessLog
from shadow_mlx.serving.running import serving


def test_many_clients_get_the_answers_of_each_alone(tiny_adapter: Path) -> None:
    config = ServeConfig(adapter_path=(str(tiny_adapter),), port=0, concurrency=8)
    with (
        Path(os.devnull).open("w") as nowhere,
        serving(config, AccessLog(stream=nowhere)) as server,
    ):
        port = int(server.server_address[1])
        questions = bench.questions_of(server.service.catalogue.names, (4, 9))
        found = bench.load(port, questions, clients=16, seconds=4.0, process=os.getpid())
        assert found.errors == []
        assert found.wrong == []
        assert len(found.seconds) > 50
        assert bench.report(found, 4.0, 1.0)["answers"] == len(found.seconds)
        server.service.scheduler.close()
        assert server.service.scheduler.join(60)
        assert server.service.scheduler.gauges["answers_running"] == 0
        assert server.service.scheduler.gauges["answers_waiting"] == 0

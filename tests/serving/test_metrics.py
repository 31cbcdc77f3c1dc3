from __future__ import annotations

import re
import threading

import pytest

from shadow_mlx.serving.metrics import Metrics

LINE = re.compile(
    r'# (HELP|TYPE) [a-z_]+ \S.*|[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+]+'
)


def test_the_text_is_of_the_format() -> None:
    metrics = Metrics()
    metrics.count("requests_total", path="/v1/models", status="200")
    metrics.count("generated_tokens_total", 7)
    for seconds in (0.01, 0.2, 0.2, 1000.0):
        metrics.time("request_seconds", seconds)
    text = metrics.text({"answers_running": 3, "memory_bytes": 12345678901})
    assert text.endswith("\n")
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    lines = text.splitlines()
    assert 'shadow_mlx_requests_total{path="/v1/models",status="200"} 1' in lines
    assert "shadow_mlx_generated_tokens_total 7" in lines
    assert "shadow_mlx_answers_running 3" in lines
    assert "shadow_mlx_memory_bytes 12345678901" in lines
    assert 'shadow_mlx_request_seconds_bucket{le="0.05"} 1' in lines
    assert 'shadow_mlx_request_seconds_bucket{le="0.25"} 3' in lines
    assert 'shadow_mlx_request_seconds_bucket{le="300.0"} 3' in lines
    assert 'shadow_mlx_request_seconds_bucket{le="+Inf"} 4' in lines
    assert "shadow_mlx_request_seconds_count 4" in lines
    assert "shadow_mlx_request_seconds_sum 1000.410000" in lines


def test_labels_break_no_line() -> None:
    metrics = Metrics()
    metrics.count("requests_total", path='a"b\\c\nd')
    assert 'shadow_mlx_requests_total{path="a\\"b\\\\c\\nd"} 1' in metrics.text({}).splitlines()


def test_threads_lose_no_count() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(2000):
            metrics.count("disconnects_total")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.value("disconnects_total") == 16000


def test_only_what_is_declared_is_counted() -> None:
    with pytest.raises(KeyError):
        Metrics().count("unheard_of_total")

"""What every test stands on: no network, no shared cache, a fast BLAS, a tiny model."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before anything imports huggingface_hub, which reads these once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="shadow-mlx-hub-")
os.environ.pop("SHADOW_MLX_MODEL", None)
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # pytest-xdist uses the cores already

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import shadow_mlx  # noqa: F401 - before mlx, so that OpenBLAS is loaded where there is one
from tests.precompiled import precompile
from tests.tiny import tiny_attached_model, write_tiny_backbone

if TYPE_CHECKING:
    from shadow_mlx.shadow.attached import AttachedModel

# Before anything imports them: what their signatures say of arrays is checked at each call.
install_import_hook(
    [
        *("shadow_mlx.shadow", "shadow_mlx.training.losses"),
        *("shadow_mlx.generation.decode", "shadow_mlx.generation.continuations"),
    ],
    "beartype.beartype",
)

# How long an example takes depends on what else the machine does.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")

SLOW = (
    "architectures", "benchmarks",
    "backbones/test_keys.py", "checkpoints/test_mutated_adapters.py",
    "cli/test_streams.py", "cli/test_surroundings.py", "cli/test_train_command.py",
    "export/test_layout.py",
    "data/chat/test_families.py", "data/chat/test_sandbox.py", "data/reading/test_mutated_lines.py",
    "backbones/test_mutated_models.py", "hub", "memory", "models",
    "test_docs.py", "test_packaging.py", "test_kernels.py",
    "parallel", "training/test_distributed.py", "training/test_kills.py",
    "training/test_resuming.py", "training/test_shadow_runs.py",
    "tui/screens", "tui/test_app.py", "tui/test_compare.py", "tui/test_data.py",
    "tui/test_deliver.py", "tui/test_hints.py", "tui/test_models.py", "tui/test_navigation.py",
    "tui/test_real_child.py", "tui/test_run.py", "tui/test_snapshots.py", "tui/test_terminal.py",
    "tui/test_themes.py", "tui/test_train.py", "tui/widgets/test_option_form.py",
)  # fmt: skip
"""Whole files and folders that ``-m "not slow"`` leaves out: they start programs, draw the UI, or
go through every family or kind of run."""


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: tests of the UI and of programs wait much of their time."""
    return (os.cpu_count() or 1) + 2


def pytest_configure(config: pytest.Config) -> None:
    """Let all workers, and the programs that tests start, share what they compile.

    Otherwise each program compiles all that it imports where bytecode must not be written, which
    takes longer than the rest of most; and MLX's kernels are a quarter of the suite's time.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="shadow-mlx-compiled-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    precompile(folder / "kernels")
    if sys.dont_write_bytecode:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(folder)
        sys.dont_write_bytecode = False


@cache
def _is_slow(path: Path) -> bool:
    place = path.relative_to(Path(__file__).parent)
    return any(place.is_relative_to(slow) for slow in SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by where it stands, and begin with it: no worker waits at the end."""
    items.sort(key=lambda item: not _is_slow(item.path))
    for item in items:
        if _is_slow(item.path):
            item.add_marker(pytest.mark.slow)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name what fails at once: a suite that is ended from outside has no summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\nfailed: {report.nodeid} ({report.when})", flush=True)


def pytest_collection_finish() -> None:
    """Look for garbage less often, and only among what the tests make.

    What is loaded by now stays: modules and thousands of collected tests. Looking through all of it
    again and again took a quarter of the time of the tests that draw the UI. Looking at what is new
    seven times as often took another tenth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # objects, and rounds; Python's are 700, 10, 10


# A job in the background is started with Ctrl-C ignored, and hands that on: the programs that are
# interrupted here would not notice.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random Qwen3 (width 32, 3 blocks) with a byte-level tokenizer and ChatML."""
    return write_tiny_backbone(tmp_path_factory.mktemp("tiny-backbone"))


@pytest.fixture(scope="session")
def tiny_attached(tiny_backbone: Path) -> tuple[AttachedModel, Any]:
    """The tiny backbone with a random (not zero) shadow, and its tokenizer; do not train it."""
    return tiny_attached_model(tiny_backbone)


@pytest.fixture(scope="session")
def tiny_adapter(
    tiny_backbone: Path,
    tiny_attached: tuple[AttachedModel, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An adapter folder with the shadow of ``tiny_attached``, on ``tiny_backbone``."""
    from mlx_lm.utils import load_config

    from shadow_mlx.checkpoints.peft import save_adapter

    folder = tmp_path_factory.mktemp("tiny-adapter")
    save_adapter(
        folder,
        tiny_attached[0],
        backbone=str(tiny_backbone),
        backbone_config=load_config(tiny_backbone),
        training={"steps": 3},
    )
    return folder


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Without MLX's compiler.

    On the CPU it makes a C++ compiler build every fused kernel of every family the first time:
    minutes, for functions that compute the same either way.
    """
    import mlx.core as mx

    mx.disable_compile()
    yield
    mx.enable_compile()

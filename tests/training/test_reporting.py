from pathlib import Path

from shadow_mlx.training.progress import Best, Progress
from shadow_mlx.training.reporting import ended, started, summarise

BEST = Best(6, 2.0, {"loss": 1.5, "shadow_loss": 1.7})


def test_the_beginning_tells_what_is_trained_on_what(make_parts):
    event = started(make_parts(), 3)
    assert (event.start_step, event.total_steps, event.batch_size) == (3, 8, 4)
    assert event.train_examples + event.valid_examples == 48
    assert 0 < event.trainable_parameters < event.backbone_parameters
    assert 0 < event.supervised_tokens_per_epoch < event.tokens_per_epoch


def test_the_end_names_the_best_validation():
    event = ended("failed", Progress(step=9, best=BEST), "why")
    assert (event.step, event.best_step, event.best_loss, event.message) == (9, 6, 1.5, "why")
    assert ended("done", Progress()).best_loss is None


def test_the_figures_of_a_run_have_the_keys_they_always_had(make_parts):
    parts = make_parts()
    figures = summarise(Path("x"), parts, Progress(step=9, best=BEST), "done", 8).figures()
    assert list(figures) == [
        "objective", "adapter_path", "reason", "step", "total_steps", "saved_step", "best_step",
        "best_loss",
        "best_shadow_loss", "supervised_tokens", "seconds", "peak_memory_bytes",
        "trainable_parameters",
    ]  # fmt: skip
    assert (figures["adapter_path"], figures["best_loss"], figures["best_shadow_loss"]) == (
        "x",
        1.5,
        1.7,
    )
    fresh = summarise(Path("x"), parts, Progress(), "stopped", 0).figures()
    assert fresh["best_loss"] is fresh["best_shadow_loss"] is fresh["best_step"] is None

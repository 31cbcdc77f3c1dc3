"""Whole runs for other objectives: nothing else in the training knows which losses there are."""

import mlx.core as mx
import pytest

from shadow_mlx.cli.run_display import validation_line
from shadow_mlx.jobs import train
from shadow_mlx.runs.events import Trained, Validated, from_json
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.training import assembly
from shadow_mlx.training.losses import gather, head_loss
from tests.training.conftest import Parted


class LanguageModelling:
    """The shadow alone, as if it were pretrained; the backbone's blocks never run."""

    names = ("loss",)

    def __init__(self):
        self.weights = {}

    def at(self, share):
        pass

    def __call__(self, model, batch, *, differentiable):
        s0 = gather(model.shadow.backbone(batch.inputs), batch.positions)
        loss = head_loss(model.head, s0, batch, differentiable)
        return loss, {"loss": loss}


class Distillation(LanguageModelling):
    """The detached shadow learns the answers of the attached model's own forward pass."""

    names = ("loss", "teacher_loss")

    def __call__(self, model, batch, *, differentiable):
        hidden = model.hidden(batch.inputs)
        teacher, student = (gather(states, batch.positions) for states in hidden)
        wanted = mx.stop_gradient(mx.softmax(model.head(teacher), axis=-1))
        logits = model.head(student)
        answers = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        loss = -((wanted * answers).sum(-1) * batch.weights).sum()
        return loss, {"loss": loss, "teacher_loss": head_loss(model.head, teacher, batch, False)}


@pytest.mark.parametrize("objective", [LanguageModelling(), Distillation()])
def test_another_objective_trains_validates_saves_and_resumes(
    make_config, heard, monkeypatch, tmp_path, objective
):
    monkeypatch.setattr(assembly, "objective_of", lambda *_: objective)
    config = make_config(learning_rate=1e-2, iters=12, steps_per_report=2)
    whole = train(config, heard)
    first, *_, last = heard.of(Validated)
    assert last.loss < first.loss
    assert {tuple(e.losses) for e in heard.of(Trained) + heard.of(Validated)} == {objective.names}
    lines = RunFolder(whole.adapter_path).events.read_text(encoding="utf-8").splitlines()
    assert [from_json(line) for line in lines] == heard.events
    assert [key for key in whole.figures() if key.startswith("best_") and key != "best_step"] == [
        f"best_{name}" for name in objective.names
    ]
    assert "attached" not in validation_line(last)
    Parted(config, tmp_path / "parted", 6).must_equal(whole, heard)

"""What a kill between a checkpoint and the adapter at the top leaves, a resumed run repairs."""

import shutil

import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx.checkpoints.draft_tokens import read_draft_tokens
from shadow_mlx.jobs import train
from shadow_mlx.loading import load_model
from shadow_mlx.runs.belongings import remove_run
from shadow_mlx.runs.folder import ADAPTER_FILES, DRAFT_TOKENS, RunFolder
from shadow_mlx.training.keeper import training_summary
from shadow_mlx.training.progress import Best, Progress


@pytest.mark.parametrize("left", ["nothing", "an older adapter"])
def test_the_adapter_at_the_top_is_repaired(make_config, left):
    config = make_config(val_batches=0)
    folder = RunFolder(train(config).adapter_path)
    before = (folder.path / "adapter_model.safetensors").read_bytes()
    for name in ADAPTER_FILES:
        (folder.path / name).unlink()
    if left == "an older adapter":
        older = RunFolder(
            train(make_config(adapter_path=str(folder.path / "x"), iters=1)).adapter_path
        )
        for name in ADAPTER_FILES:
            shutil.copy(older.path / name, folder.path / name)
        shutil.rmtree(older.path)
    train(config, resume=True)
    assert (folder.path / "adapter_model.safetensors").read_bytes() == before


def test_the_tokens_of_the_datas_answers_lie_beside_each_adapter(make_config, make_parts):
    folder = RunFolder(train(make_config()).adapter_path)
    parts = make_parts()
    ids, counts = parts.train.answer_tokens
    for place in (folder.path, *folder.saved_adapters()):
        found = read_draft_tokens(place, parts.model.decoder.embedding.weight.shape[0])
        assert (found.ids, found.counts) == (ids, counts)
    assert load_model(None, folder.path).draft_tokens == found
    train(make_config(), overwrite=True)
    remove_run(folder)
    assert not (folder.path / DRAFT_TOKENS).exists()


def test_an_older_best_stays_at_the_top(make_config):
    config = make_config(iters=5, steps_per_eval=4, save_every=100)
    folder = RunFolder(train(config).adapter_path)
    shutil.rmtree(folder.checkpoint(5))  # as if killed after step 4, the best so far
    before = (folder.path / "adapter_model.safetensors").read_bytes()
    train(config, resume=True)
    assert (folder.path / "adapter_model.safetensors").read_bytes() == before


def test_the_summary_tells_the_best_validation(make_parts):
    parts = make_parts()
    progress = Progress(
        step=9,
        best=Best(6, 2.0, {"loss": 1.5, "shadow_loss": 1.7}),
        supervised_tokens=100,
        seconds=1.26,
    )
    weights = dict(tree_flatten(parts.model.trainable_parameters()))
    assert training_summary(parts, progress) == {
        "objective": "finetune",
        "trained_parameters": sum(value.size for value in weights.values()),
        "backbone_parameters": get_total_parameters(parts.model.backbone),
        "step": 9,
        "supervised_tokens": 100,
        "seconds": 1.3,
        "validation_loss": 1.5,
        "shadow_validation_loss": 1.7,
        "best_step": 6,
    }

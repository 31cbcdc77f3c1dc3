"""Our own folders: the round trip, damage of every kind, crashes, other people's files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from shadow_mlx.checkpoints.record import read_record
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import CheckpointError, SurroundingsError
from shadow_mlx.shadow.attached import AttachedModel, attach
from tests.tiny import write_tiny_backbone

NARROW = {"shadow_hidden_size": 16, "shadow_layers": 2, "shadow_heads": 2, "shadow_kv_heads": 1}
DOWN = "base_model.model.model.layers.{}.shadow_down.default.weight"


def backbone(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    return load_model(folder)


def trained(folder: Path, **options: Any) -> tuple[AttachedModel, dict[str, Any]]:
    """An attached model whose every trained number is random."""
    model, config = backbone(folder)
    attached = attach(model, config, ShadowConfig(rank=4, **options), seed=1)
    keys = iter(mx.random.split(mx.random.key(2), 400))
    attached.shadow.apply(lambda w: 0.3 * mx.random.normal(w.shape, key=next(keys)))
    return attached.eval(), config


@pytest.fixture
def adapter(tiny_backbone: Path, tmp_path: Path) -> Path:
    model, config = trained(tiny_backbone)
    save_adapter(tmp_path / "a", model, backbone=str(tiny_backbone), backbone_config=config)
    return tmp_path / "a"


def edit_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "adapter_config.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def edit_weights(folder: Path, change: Callable[[dict[str, mx.array]], Any]) -> None:
    """Change tensors as a person with a script would: the recorded digest is taken out too."""
    path = folder / "adapter_model.safetensors"
    tensors = mx.load(str(path))
    mx.eval(tensors)
    change(tensors)
    mx.save_safetensors(str(path), tensors, {"format": "pt"})
    edit_config(folder, lambda values: values["shadow_mlx"].update(weights_sha256=None))


def refusal(folder: Path, tiny_backbone: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_adapter(folder, *backbone(tiny_backbone))
    return str(caught.value)


@pytest.mark.parametrize("sharing", ["depth", "layer"])
@pytest.mark.parametrize("options", [{}, NARROW, {"update_hidden_size": 6, "alpha": 0.3}], ids=str)
def test_the_round_trip_restores_every_number(
    tiny_backbone: Path, tmp_path: Path, sharing: str, options: dict[str, Any]
) -> None:
    model, config = trained(tiny_backbone, sharing=sharing, **options)
    save_adapter(tmp_path, model, backbone=str(tiny_backbone), backbone_config=config)
    again = load_adapter(tmp_path, *backbone(tiny_backbone))
    assert again.config == model.config
    before, after = (dict(tree_flatten(m.trainable_parameters())) for m in (model, again))
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert after[name].dtype == mx.float32
        assert mx.array_equal(after[name], value), name
    assert len(again.shadow.layers) == (1 if sharing == "depth" else 3)


def test_an_explicit_shadow_is_built_again_without_its_folder(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    shadow = write_tiny_backbone(tmp_path / "shadow", seed=3, hidden_size=16, num_hidden_layers=1)
    model, config = trained(tiny_backbone, shadow=str(shadow))
    save_adapter(tmp_path / "a", model, backbone=str(tiny_backbone), backbone_config=config)
    for file in shadow.iterdir():
        file.unlink()
    again = load_adapter(tmp_path / "a", *backbone(tiny_backbone)).eval()
    ids = mx.array([[5, 6, 7]])
    assert mx.array_equal(again(ids), model(ids))
    assert mx.array_equal(again.detached()(ids), model.detached()(ids))
    assert again.config.shadow == str(shadow.resolve())
    assert "the explicit shadow where PEFT runs" in (tmp_path / "a" / "README.md").read_text()


def test_a_bfloat16_shadow_is_saved_wide(tiny_backbone: Path, tmp_path: Path) -> None:
    model, config = trained(tiny_backbone)
    model.shadow.backbone.cast(mx.bfloat16)
    save_adapter(tmp_path, model, backbone="sprout", backbone_config=config)
    tensors = mx.load(str(tmp_path / "adapter_model.safetensors"))
    assert {value.dtype for value in tensors.values()} == {mx.float32}


def test_names_last_whatever_the_working_directory(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_backbone.parent)
    model, config = trained(tiny_backbone)
    for given, kept in (
        (tiny_backbone.name, str(tiny_backbone.resolve())),
        ("mlx-community/Qwen3-0.6B-4bit", "mlx-community/Qwen3-0.6B-4bit"),
        ("sprout", "sprout"),
    ):
        save_adapter(tmp_path, model, backbone=given, backbone_config=config)
        assert read_record(tmp_path).backbone_name == kept


def test_an_architecture_without_key_map_says_that_peft_cannot_open_it(tmp_path: Path) -> None:
    folder = write_tiny_backbone(tmp_path / "b")
    model, config = trained(folder)
    config["model_type"] = "unheard-of"
    model.shadow.backbone.model_config["model_type"] = "unheard-of"
    save_adapter(tmp_path / "a", model, backbone=str(folder), backbone_config=config)
    record = read_record(tmp_path / "a")
    assert record.layout == "mlx-lm"
    assert record.not_for_peft is not None
    assert "PEFT cannot open this adapter" in (tmp_path / "a" / "README.md").read_text()
    loaded, config = backbone(folder)
    again = load_adapter(tmp_path / "a", loaded, {**config, "model_type": "unheard-of"}).eval()
    ids = mx.array([[5, 6, 7]])
    assert mx.array_equal(again(ids), model(ids))


def test_a_mirror_that_peft_cannot_build_is_said_to_be_one(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    for options, reason in (
        ({"shadow_kv_heads": 1}, "1 key/value heads, and PEFT's mirror keeps the backbone's 2"),
        ({"shadow_head_dim": 4}, "heads are 4 wide, and PEFT's mirror keeps the backbone's 8"),
    ):
        model, config = trained(tiny_backbone, **options)
        save_adapter(tmp_path, model, backbone="sprout", backbone_config=config)
        assert reason in str(read_record(tmp_path).not_for_peft)


def test_the_model_card_shows_the_run(tiny_backbone: Path, tmp_path: Path) -> None:
    model, config = trained(tiny_backbone)
    figures = {"steps": 300, "valid_loss": 0.123456789, "note": "a|b\nc"}
    save_adapter(tmp_path, model, backbone="some/model", backbone_config=config, training=figures)
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: peft")
    for text in ("base_model: some/model", "| valid loss | 0.123457 |", "a\\|b c", "unload_shadow"):
        assert text in card
    assert read_record(tmp_path).training == figures


def test_all_wrong_tensors_are_named_together(adapter: Path, tiny_backbone: Path) -> None:
    def damage(tensors: dict[str, mx.array]) -> None:
        del tensors[DOWN.format(0)]
        tensors["base_model.unknown"] = mx.zeros((2, 3))
        tensors[DOWN.format(1)] = mx.zeros((5, 32))
        tensors[DOWN.format(2)] = mx.zeros((4, 32), dtype=mx.int32)

    edit_weights(adapter, damage)
    message = refusal(adapter, tiny_backbone)
    for line in (
        f"{DOWN.format(0)}: expected shape [4, 32], found no such tensor",
        "base_model.unknown: expected no such tensor, found F32 [2, 3]",
        f"{DOWN.format(1)}: expected shape [4, 32], found F32 [5, 32]",
        f"{DOWN.format(2)}: expected one of F32, BF16, F16, found I32 [4, 32]",
    ):
        assert line in message


def test_numbers_that_are_not_finite_are_named(adapter: Path, tiny_backbone: Path) -> None:
    def damage(tensors: dict[str, mx.array]) -> None:
        for index, value in ((0, float("nan")), (2, float("inf"))):
            tensors[DOWN.format(index)][0, 0] = value

    edit_weights(adapter, damage)
    message = refusal(adapter, tiny_backbone)
    assert message.count("expected finite numbers") == 2


def test_depth_shared_copies_must_be_equal(adapter: Path, tiny_backbone: Path) -> None:
    edit_config(adapter, lambda values: values["shadow_mlx"].update(sharing="depth"))
    edit_weights(adapter, lambda tensors: tensors.update({DOWN.format(2): mx.ones((4, 32))}))
    assert f"{DOWN.format(2)}: expected the same values as block 0" in refusal(
        adapter, tiny_backbone
    )
    edit_config(adapter, lambda values: values["shadow_mlx"].update(sharing="layer"))
    model = load_adapter(adapter, *backbone(tiny_backbone))
    assert mx.array_equal(model.shadow.layers[2].down.weight, mx.ones((4, 32)))


def test_half_precision_tensors_are_read(adapter: Path, tiny_backbone: Path) -> None:
    edit_weights(adapter, lambda t: t.update({k: v.astype(mx.bfloat16) for k, v in t.items()}))
    model = load_adapter(adapter, *backbone(tiny_backbone))
    assert {w.dtype for _, w in tree_flatten(model.trainable_parameters())} == {mx.float32}


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_file_that_is_cut_short(adapter: Path, tiny_backbone: Path, kept: int) -> None:
    path = adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert "cut short" in refusal(adapter, tiny_backbone)


def test_a_file_that_is_something_else(adapter: Path, tiny_backbone: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    header = b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}'
    for content, expected in (
        (b"version https://git-lfs.github.com/spec/v1\n", "not a safetensors file"),
        (b"\x02" + bytes(7) + b"xx", "its header is damaged"),
        (b"\x02" + bytes(7) + b"[]", "its header is damaged"),
        (len(header).to_bytes(8, "little") + header + bytes(4), "its header is damaged"),
    ):
        path.write_bytes(content)
        assert expected in refusal(adapter, tiny_backbone)
    path.unlink()
    assert "cannot be read" in refusal(adapter, tiny_backbone)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: v["shadow_mlx"].update(format=2), "written by a newer shadow-mlx"),
        (lambda v: v["shadow_mlx"].update(format=None), "shadow_mlx.format: expected 1"),
        (lambda v: v["shadow_mlx"].pop("backbone"), "incomplete or damaged"),
        (lambda v: v.update(shadow_mlx=[1]), "expected an object"),
        (lambda v: v.update(peft_type="LORA"), 'expected "SHADOW", found "LORA"'),
        (lambda v: v.update(task_type="SEQ_CLS"), 'expected "CAUSAL_LM"'),
        (lambda v: v.update(modules_to_save=["lm_head"]), "trained modules of the backbone"),
        (lambda v: v.update(shadow_new_trick=3), "an option of a newer PEFT"),
        (lambda v: v.update(r="many", shadow_dropout=7.0), "expected a whole number"),
        (lambda v: v.update(r=0), "must be at least 1"),
    ],
)
def test_a_configuration_that_cannot_be_used(
    adapter: Path, tiny_backbone: Path, change: Callable[[dict[str, Any]], Any], expected: str
) -> None:
    edit_config(adapter, change)
    assert expected in refusal(adapter, tiny_backbone)


def test_a_folder_that_holds_no_shadow(tmp_path: Path, tiny_backbone: Path) -> None:
    config = tmp_path / "adapter_config.json"
    assert "no such folder" in refusal(tmp_path / "nowhere", tiny_backbone)
    assert "holds no adapter" in refusal(tmp_path, tiny_backbone)
    assert "give it as --model" in refusal(tiny_backbone, tiny_backbone)
    for content, expected in (
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "expected an object"),
        (b'{"fine_tune_type": "lora"}', "a lora adapter of mlx-lm"),
    ):
        config.write_bytes(content)
        assert expected in refusal(tmp_path, tiny_backbone)
    assert "found a file" in refusal(config, tiny_backbone)


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "as PEFT writes"])
def test_an_adapter_of_another_backbone(adapter: Path, tmp_path: Path, ours: bool) -> None:
    if not ours:
        edit_config(adapter, lambda values: values.pop("shadow_mlx"))
    other = write_tiny_backbone(tmp_path / "other", num_hidden_layers=2, hidden_size=64)
    message = refusal(adapter, other)
    assert "belongs to another backbone" in message
    assert "backbone's hidden_size: expected 32, found 64" in message
    assert "backbone's layers: expected 3, found 2" in message


def test_two_files_of_different_saves_do_not_load(
    adapter: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    model, config = trained(tiny_backbone, alpha=0.5)
    model.shadow.layers[0].down.weight += 1
    save_adapter(tmp_path / "b", model, backbone="sprout", backbone_config=config)
    (tmp_path / "b" / "adapter_model.safetensors").rename(adapter / "adapter_model.safetensors")
    assert "come from two saves" in refusal(adapter, tiny_backbone)


@pytest.mark.parametrize("renames", range(4))
def test_a_crash_while_saving_leaves_the_old_one_or_is_found_out(
    adapter: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    """``renames`` files got their names before the crash; with all three the save is done."""
    model, config = trained(tiny_backbone)
    ids = mx.array([[5, 6, 7]])
    before = model(ids)
    model.shadow.layers[0].down.weight += 1
    left, replace = [renames], Path.replace

    def failing(self: Path, target: Path) -> Path:
        if left[0] == 0:
            raise OSError(5, "crash")
        left[0] -= 1
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    if renames < 3:
        with pytest.raises(SurroundingsError):
            save_adapter(adapter, model, backbone=str(tiny_backbone), backbone_config=config)
    else:
        save_adapter(adapter, model, backbone=str(tiny_backbone), backbone_config=config)
    assert not [path for path in adapter.iterdir() if path.suffix == ".tmp"]
    if renames == 2:  # card and weights are new, the configuration is old
        assert "come from two saves" in refusal(adapter, tiny_backbone)
        return
    after = load_adapter(adapter, *backbone(tiny_backbone)).eval()(ids)
    assert mx.array_equal(after, before).item() is (renames < 2)


def test_a_full_disk_leaves_the_old_one(
    adapter: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, config = trained(tiny_backbone)
    contents = {path.name: path.read_bytes() for path in adapter.iterdir()}

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mx, "save_safetensors", full)
    with pytest.raises(SurroundingsError, match="the disk is full"):
        save_adapter(adapter, model, backbone="sprout", backbone_config=config)
    assert {path.name: path.read_bytes() for path in adapter.iterdir()} == contents

"""``shadow-mlx export`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main
from tests.evaluation.made import made_comparison

FIGURES = made_comparison({"detached": [True, False]}).to_mapping()


def test_what_was_written_is_said(
    tiny_adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "phone"
    given = ["export", "--adapter-path", str(tiny_adapter), "--output", str(output)]
    assert main(given) == 0
    said, steps = capsys.readouterr()
    assert said.startswith(f"{output}: ")
    assert f"mlx_lm.generate --model {output}" in said
    assert "apart" in said
    assert "reading it back …" in steps
    assert main([*given, "--q-bits", "8", "--q-group-size", "32", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["to"], found["folder"], found["apart"]) == ("model", str(output), None)


def test_a_shadow_to_train_on_is_written_and_said(
    tiny_adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "shadow"
    given = ["export", "--adapter-path", str(tiny_adapter), "--output", str(output)]
    assert main([*given, "--to", "projected"]) == 0
    said, steps = capsys.readouterr()
    assert said.startswith(f"{output}: a shadow of width 32 for backbones of width 32, ")
    assert f"shadow-mlx train --shadow {output}" in said
    assert "reading it back …" in steps
    assert main([*given, "--to", "projected", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["to"], found["folder"], found["widths"]) == ("projected", str(output), [32, 32])
    assert "peft.ShadowConfig" in (output / "README.md").read_text()


def test_the_comparison_goes_into_the_card(tiny_adapter: Path, tmp_path: Path) -> None:
    output, file = tmp_path / "phone", tmp_path / "figures.json"
    file.write_text(json.dumps(FIGURES))
    given = ["export", "--adapter-path", str(tiny_adapter), "--output", str(output)]
    assert main([*given, "--comparison", str(file)]) == 0
    card = (output / "README.md").read_text()
    assert "| model | exact | loss |" in card
    assert "| detached | 50.0% (0–100) | 1.000 |" in card
    assert "2 questions of test.jsonl." in card


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--q-bits", "7"], "--q-bits: expected one of 2, 3, 4, 5, 6, 8, found 7"),
        (["--q-group-size", "48"], "--q-group-size: expected one of 32, 64, 128, found 48"),
        (["--q-bits", "4", "--dequantize"], "--q-bits and --dequantize contradict each other"),
        (["--to", "peft", "--q-bits", "4"], "--q-bits changes a model; it does not go with --to"),
        (["--comparison", "none.json"], "--comparison none.json: cannot be read"),
        (["--comparison", "models/sprout/config.json"], "expected what shadow-mlx compare --json"),
        (["--vocabulary", "none.jsonl"], "none.jsonl"),
    ],
)
def test_what_is_wrong_is_one_message_and_nothing_is_written(
    arguments: list[str],
    says: str,
    tiny_adapter: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "phone"
    given = ["export", "--adapter-path", str(tiny_adapter), "--output", str(output)]
    assert main([*given, *arguments]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" …")]
    assert says in said[0]
    assert not output.exists()


def test_fuse_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuse"]) == 2
    assert "shadow-mlx export --output DIR" in capsys.readouterr().err

"""What keeps the house in order: no long file, and a test of its name for every module."""

from __future__ import annotations

import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST, MEDIAN = 400, 120
"""Lines of a file, and of half of the modules."""

TESTED_ELSEWHERE: dict[str, list[str]] = {
    "evaluation/test_compare_command.py": ["shadow_mlx/cli/commands/compare.py"],
    "backbones/test_keys.py": [
        "shadow_mlx/checkpoints/peft_mirror.py",
    ],
    "backbones/test_mutated_models.py": [
        "shadow_mlx/backbones/configuration.py",
        "shadow_mlx/backbones/folder.py",
        "shadow_mlx/backbones/tokenizer.py",
        "shadow_mlx/backbones/trial.py",
        "shadow_mlx/files/tensor_files.py",
    ],
    "checkpoints/test_mutated_adapters.py": [
        "shadow_mlx/checkpoints/pair.py",
        "shadow_mlx/checkpoints/whole.py",
        "shadow_mlx/cli/adapter_facts.py",
    ],
    "checkpoints/test_peft.py": [
        "shadow_mlx/checkpoints/record.py",
    ],
    "checkpoints/test_peft_goldens.py": [
        "shadow_mlx/checkpoints/tensors.py",
    ],
    "checkpoints/test_projected.py": [
        "shadow_mlx/shadow/explicit.py",
    ],
    "checkpoints/test_shadow_peft.py": [
        "shadow_mlx/shadow/shadow_peft.py",
    ],
    "cli/test_data_command.py": [
        "shadow_mlx/cli/data_facts.py",
        "shadow_mlx/cli/token_marks.py",
    ],
    "cli/test_estimate_command.py": [],
    "cli/test_main.py": [
        "shadow_mlx/cli/commands/info.py",
        "shadow_mlx/errors.py",
    ],
    "cli/test_talking.py": [
        "shadow_mlx/cli/chosen_model.py",
        "shadow_mlx/cli/commands/chat.py",
        "shadow_mlx/cli/commands/generate.py",
        "shadow_mlx/cli/typed.py",
    ],
    "config/test_matrix.py": [
        "shadow_mlx/config/answers.py",
        "shadow_mlx/config/converting.py",
        "shadow_mlx/config/data.py",
        "shadow_mlx/config/model.py",
        "shadow_mlx/config/publishing.py",
        "shadow_mlx/config/shadow.py",
        "shadow_mlx/config/training.py",
    ],
    "config/test_option.py": [
        "shadow_mlx/config/values.py",
    ],
    "data/chat/test_sandbox.py": [
        "shadow_mlx/data/chat/ending.py",
        "shadow_mlx/data/chat/renderer.py",
        "shadow_mlx/data/chat/rendering.py",
    ],
    "data/chat/test_shown.py": [
        "shadow_mlx/data/chat/signs.py",
        "shadow_mlx/data/reading/notices.py",
    ],
    "data/chat/test_template.py": [
        "shadow_mlx/data/chat/turns.py",
    ],
    "data/reading/test_checking.py": [
        "shadow_mlx/data/reading/problems.py",
    ],
    "data/reading/test_fields.py": [
        "shadow_mlx/data/reading/findings.py",
    ],
    "data/reading/test_messages.py": [
        "shadow_mlx/data/reading/content.py",
    ],
    "data/reading/test_strict_json.py": [
        "shadow_mlx/files/json_files.py",
    ],
    "evaluation/test_measuring.py": [
        "shadow_mlx/evaluation/answering.py",
        "shadow_mlx/evaluation/questions.py",
        "shadow_mlx/evaluation/results.py",
        "shadow_mlx/jobs.py",
    ],
    "files/test_card_seal.py": [
        "shadow_mlx/checkpoints/card.py",
    ],
    "generation/test_answers.py": [
        "shadow_mlx/data/chat/reasoning.py",
    ],
    "generation/test_decode.py": [
        "shadow_mlx/generation/prompts.py",
    ],
    "generation/test_positions.py": [
        "shadow_mlx/data/reach.py",
        "shadow_mlx/shadow/reach.py",
    ],
    "hub/test_errors.py": [
        "shadow_mlx/hub/listing.py",
    ],
    "hub/test_fetching.py": [
        "shadow_mlx/hub/downloading.py",
        "shadow_mlx/hub/snapshots.py",
    ],
    "hub/test_recorded.py": [
        "shadow_mlx/notes.py",
    ],
    "runs/test_events.py": [
        "shadow_mlx/files/declared.py",
    ],
    "shadow/test_attached.py": [
        "shadow_mlx/shadow/detached.py",
    ],
    "shadow/test_modules.py": [
        "shadow_mlx/backbones/reference.py",
    ],
    "tui/screens/test_chat.py": [
        "tui/screens/settings.py",
        "tui/screens/weights.py",
        "tui/widgets/waiting.py",
    ],
    "tui/screens/test_talking.py": [],
    "tui/test_app.py": [
        "shadow_mlx/cli/commands/tui.py",
        "tui/pages.py",
        "tui/screens/keys.py",
    ],
    "tui/test_chart.py": [
        "tui/widgets/lines.py",
    ],
    "tui/test_compare.py": [
        "tui/screens/comparing.py",
        "tui/screens/example.py",
        "tui/views/comparison.py",
        "tui/widgets/side_by_side.py",
    ],
    "tui/test_damage.py": [
        "tui/state.py",
    ],
    "tui/test_data.py": [
        "tui/screens/columns.py",
        "tui/views/data_view.py",
        "tui/views/finder.py",
        "tui/widgets/finder.py",
    ],
    "tui/test_divider.py": [
        "tui/screens/base.py",
    ],
    "tui/test_models.py": [
        "tui/views/memory.py",
        "tui/widgets/tables.py",
    ],
    "tui/test_navigation.py": [
        "tui/input/typeahead.py",
        "tui/widgets/composer.py",
        "tui/widgets/top_bar.py",
    ],
    "tui/test_plot.py": [
        "tui/views/alerts.py",
    ],
    "tui/test_real_child.py": [
        "shadow_mlx/worker/comparing.py",
        "shadow_mlx/worker/encoding.py",
        "shadow_mlx/worker/messages.py",
        "shadow_mlx/worker/replies.py",
        "shadow_mlx/worker/models.py",
        "shadow_mlx/worker/reading.py",
        "tui/child.py",
    ],
    "tui/test_terminal.py": [
        "tui/input/driver.py",
    ],
    "tui/test_train.py": [
        "tui/screens/dialogs.py",
        "tui/screens/judging.py",
        "tui/screens/verdict.py",
        "tui/views/form.py",
        "tui/widgets/option_row.py",
    ],
}
"""Modules that only the tests of what they serve test, by the file that would fail first.

The list only shrinks: what gets a test of its name must leave it.
"""


def modules() -> list[Path]:
    found = [path for name in ("shadow_mlx", "tui") for path in (ROOT / name).rglob("*.py")]
    return sorted(path.relative_to(ROOT) for path in found)


def lines_of(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def test_no_file_is_long() -> None:
    others = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py")]
    found = {path: lines_of(path) for path in [*modules(), *others]}
    assert {str(path): count for path, count in found.items() if count > LONGEST} == {}
    assert statistics.median(found[path] for path in modules()) < MEDIAN


def own_tests(module: Path) -> list[Path]:
    """Where the tests of a module may stand."""
    place, name = module.parent, f"test_{module.stem.rstrip('_')}.py"  # import_ is `import`
    if module.parts[0] == "shadow_mlx":
        place = Path(*place.parts[1:])
    if place.parts[:2] == ("cli", "commands"):
        return [Path("cli", name.replace(".py", "_command.py"))]
    return [place / name, Path("tui", name)] if module.parts[0] == "tui" else [place / name]


def test_each_module_has_a_test_of_its_name_or_is_on_the_list() -> None:
    known = {path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    without = {
        str(module)
        for module in modules()
        if not module.name.startswith("__") and not known.intersection(own_tests(module))
    }
    listed = [module for group in TESTED_ELSEWHERE.values() for module in group]
    assert sorted(listed) == sorted(without)
    assert set(map(Path, TESTED_ELSEWHERE)) <= known

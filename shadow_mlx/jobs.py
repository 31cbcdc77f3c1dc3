"""The jobs as Python callers ask for them: thin shells over the groups of options."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx.config import ColumnConfig, CompareConfig, TemplateConfig
from shadow_mlx.errors import InputError
from shadow_mlx.evaluation import figures
from shadow_mlx.evaluation.measuring import measure
from shadow_mlx.evaluation.written_data import with_written_answers
from shadow_mlx.export.adapters import export_adapter, import_adapter
from shadow_mlx.export.exporting import Exported, export_model
from shadow_mlx.export.projected import ExportedShadow, export_projected
from shadow_mlx.export.publishing import publish as push
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.memory.fitting import fitted
from shadow_mlx.memory.report import report as estimate
from shadow_mlx.training.finetune import finetune

if TYPE_CHECKING:
    from shadow_mlx.config import ExportConfig, TrainConfig
    from shadow_mlx.evaluation.results import Comparison
    from shadow_mlx.runs.events import Listener, StopToken
    from shadow_mlx.training.reporting import RunSummary

__all__ = ["compare", "distill", "estimate", "export", "import_adapter", "push", "train"]


def train(
    config: TrainConfig,
    listener: Listener | None = None,
    stop: StopToken | None = None,
    *,
    on_answer: Callable[[int, int], None] = lambda done, total: None,
    resume: bool = False,
    overwrite: bool = False,
) -> RunSummary:
    """Train a shadow; with ``config.auto``, in settings that fit this machine.

    With ``config.answers`` the teacher first writes answers into the data. The other arguments and
    errors are those of :func:`shadow_mlx.training.finetune.finetune`.

    Args:
        config: Every option of the run.
        listener: Takes the run's events.
        stop: Asks the run, or the writing, to stop.
        on_answer: Called with the lines that are answered and all that there are.
        resume: Go on with the run; nothing is written anew then.
        overwrite: Give up the run or the adapter that lies there.

    Raises:
        Interrupted: ``stop`` asked for it while answers were written; those are kept.
    """
    if config.answers != "given" and not resume:
        with _attended(stop):
            config = with_written_answers(config, on_answer, stop, overwrite=overwrite)
    notes = []
    if config.auto and not resume:  # a run that goes on has its settings
        found = fitted(config)
        config, notes = found.config, [found.sentence]
    return finetune(config, listener, stop, resume=resume, overwrite=overwrite, notes=notes)


def distill(
    adapter: str | Path,
    config: TrainConfig,
    *,
    on_answer: Callable[[int, int], None] = lambda done, total: None,
    listener: Listener | None = None,
    stop: StopToken | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> RunSummary:
    """Go on with an adapter's shadow by itself, taught by the attached model.

    Args:
        adapter: The adapter's folder; it stays as it is.
        config: The run's options; its objective, shadow and teacher follow from ``adapter``, whose
            attached model writes the answers that are missing, if not more of them.
        on_answer: Called with the lines that are answered and all that there are.
        listener: Takes the run's events.
        stop: Asks the run, or the writing, to stop.
        resume: See :func:`train`; nothing is written anew then.
        overwrite: See :func:`train`.

    Raises:
        InputError: What was given is wrong.
        SurroundingsError: Disk, memory, network, or another run in this folder.
        Interrupted: ``stop`` asked for it while answers were written; those are kept.
    """
    if not resume:
        name = str(adapter)
        answers = "missing" if config.answers == "given" else config.answers
        config = dataclasses.replace(
            config, objective="pretrain", shadow=name, teacher=name, answers=answers
        )
    return train(config, listener, stop, on_answer=on_answer, resume=resume, overwrite=overwrite)


@contextmanager
def _attended(stop: StopToken | None) -> Iterator[None]:
    """Something looks at the token meanwhile: a signal is a wish and breaks nothing off."""
    if stop is None or stop.attended:
        yield
        return
    stop.attended = True
    try:
        yield
    finally:
        stop.attended = False


def compare(
    data: str | Path,
    adapters: Sequence[str | Path],
    *,
    columns: ColumnConfig | None = None,
    template: TemplateConfig | None = None,
    on_step: Callable[[str, int, int], None] = lambda what, done, total: None,
    stop: StopToken | None = None,
    answers: str | Path | None = None,
    resume: bool = False,
    **options: Any,
) -> Comparison:
    """Base, attached and detached of some adapters, and rivals, on one test file, paired.

    Args:
        data: A JSON Lines file of chats or completions.
        adapters: Adapter folders; none for the backbone alone.
        columns: Which columns of the file hold what.
        template: How the chat template is used, if not as each adapter was trained.
        on_step: Called with what is measured now, how much of it is done, and how much there is.
        stop: Looked at between tokens and batches; what is measured by then is given.
        answers: A file that keeps the answers as they come.
        resume: Go on with the answers that are kept there.
        options: Any other field of :class:`shadow_mlx.config.CompareConfig`.

    Raises:
        InputError: A file, an adapter or an option cannot be used.
        Interrupted: ``stop`` asked for it before there was anything to give.
    """
    groups = [group.to_mapping() for group in (columns, template) if group is not None]
    for group in groups:
        options = group | options
    given = {**options, "data": str(data), "adapter_path": [str(one) for one in adapters]}
    return measure(
        CompareConfig.from_mapping(given, where="compare"),
        on_step,
        stop,
        answers=answers,
        resume=resume,
    )


def export(
    config: ExportConfig, *, on_step: Callable[[str], None] = lambda what: None
) -> Exported | ExportedShadow | Path:
    """The detached model as a folder, or with ``config.to`` the adapter in another format.

    Args:
        config: Which adapter, where to, and in what form.
        on_step: Told what is done now, in a few words.

    Raises:
        InputError: Something that was given cannot be used, or not be exported; says why.
        SurroundingsError: The disk is full or otherwise refuses.
    """
    if config.to == "projected":
        return export_projected(config, on_step=on_step)
    if config.to != "model":
        return export_adapter(config)
    measured = "" if config.comparison is None else _table(config.comparison)
    return export_model(config, measured=measured, on_step=on_step)


def _table(path: str) -> str:
    """The figures that ``compare --json`` printed into a file, as a table in Markdown."""
    try:
        found = read_object(Path(path))
        head = ("model", *(figure.title for figure in figures.columns(found)))
        lines = [head, ("---",) * len(head), *figures.rows(found)]
        said = [figures.heading(found), *figures.remarks(found)]
    except OSError as error:
        raise InputError(f"--comparison {path}: cannot be read: {error.strerror}") from error
    except (JsonFileError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"--comparison {path}: expected what shadow-mlx compare --json prints ({error})"
        ) from error
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([*rows, "", *(f"{one}." for one in said)])

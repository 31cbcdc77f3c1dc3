"""Files made of another one: split, sampled, shuffled; its lines stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shadow_mlx import words
from shadow_mlx.config import SampleConfig, ShuffleConfig, SplitConfig
from shadow_mlx.data.converting.origin import SUFFIX, Source, check_free, is_ours
from shadow_mlx.data.converting.writing import new_lines, said
from shadow_mlx.data.reading.checking import CheckReport, check_file
from shadow_mlx.data.reading.lines import LineIndex
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.sources import locate
from shadow_mlx.data.reading.splits import shuffled
from shadow_mlx.errors import InputError
from shadow_mlx.files.writing import atomic_folder

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """What was written: a file, or the folder of several; and how many examples each has."""

    path: Path
    source: Path
    examples: dict[str, int]


def shuffle(data: str | Path, options: ShuffleConfig) -> Parts:
    """Write the lines of a file in an order that the seed decides.

    Raises:
        InputError: Lines of the file are no examples, or what would be written over is not ours.
    """
    source, report = _checked(data, options)
    order = shuffled(report.records, options.seed)
    return _one_file(source, options, "shuffled", "shuffle", order)


def sample(data: str | Path, options: SampleConfig) -> Parts:
    """Write some lines of a file, in the file's order; the seed decides which.

    A smaller sample of the same seed is part of a larger one.

    Raises:
        InputError: As :func:`shuffle`, or the file has not so many lines.
    """
    source, report = _checked(data, options)
    if options.examples > report.records:
        have = words.counted(report.records, "example")
        raise InputError(f"--examples {options.examples:,}: {source} has {have}")
    chosen = np.sort(shuffled(report.records, options.seed)[: options.examples])
    return _one_file(source, options, f"sample-{options.examples}", "sample", chosen)


def split(data: str | Path, options: SplitConfig) -> Parts:
    """Write a folder of ``train.jsonl``, ``valid.jsonl`` and ``test.jsonl``, as training takes it.

    Examples that are the same stand in the same file, so that nothing that is validated or tested
    was trained.

    Raises:
        InputError: As :func:`shuffle`, or there are too few different examples.
    """
    source, report = _checked(data, options)
    parts = divided(report.prints.values, options)
    output = Path(options.output) if options.output else source.with_name(f"{source.stem}-split")
    _check_folder(output)
    lines, origin = LineIndex(source), Source.of(source)
    how = said(options) | {"seed": options.seed}
    with atomic_folder(output) as folder:
        for name, chosen in parts.items():
            with new_lines(folder / name, origin, "split", how) as file:
                for i in chosen:
                    file.write(lines.read(int(i)))
    lines.close()
    return Parts(output, source, {name: len(chosen) for name, chosen in parts.items()})


def divided(prints: npt.NDArray[np.uint64], options: SplitConfig) -> dict[str, Indices]:
    """The lines of each part, ascending, by file.

    Args:
        prints: A number for each example, the same for the same examples, uint64[n].
        options: The shares, of the different examples, and the seed.

    Raises:
        InputError: A part would be empty.
    """
    different, group = np.unique(prints, return_inverse=True)
    count = len(different)
    wanted = {"test.jsonl": options.test_fraction, "valid.jsonl": options.valid_fraction}
    sizes = {name: max(round(count * share), 1) for name, share in wanted.items() if share}
    if count <= len(sizes):
        raise InputError(
            f"{words.counted(count, 'different example')}: too few for {len(sizes) + 1} files"
        )
    while sum(sizes.values()) >= count:  # rounded up, and nothing would be left to train on
        sizes[max(sizes, key=sizes.__getitem__)] -= 1
    order = shuffled(count, options.seed)
    first = _first_places(group, count)  # groups in the order of the file, whatever their numbers
    part_of = np.zeros(count, np.int64)  # 0: train
    begin = 0
    for number, size in enumerate(sizes.values(), 1):
        part_of[first[order[begin : begin + size]]] = number
        begin += size
    of_line = part_of[group]
    names = ["train.jsonl", *sizes]
    found = {name: np.flatnonzero(of_line == i) for i, name in enumerate(names)}
    return {
        name: found[name] for name in ("train.jsonl", "valid.jsonl", "test.jsonl") if name in found
    }


def _first_places(group: npt.NDArray[np.int64], count: int) -> Indices:
    """The groups by their first line."""
    first = np.full(count, len(group), np.int64)
    np.minimum.at(first, group, np.arange(len(group)))
    return np.argsort(first, kind="stable")


def _checked(data: str | Path, options: ShuffleConfig) -> tuple[Path, CheckReport]:
    """The file, of which every line is an example."""
    files = list(locate(data))
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise InputError(f"{data}: is split already ({names}); name one file")
    report = check_file(files[0], options.columns)
    if report.problems:
        raise InvalidDataError(report.problems, report.problem_count)
    return files[0], report


def _one_file(
    source: Path, options: ShuffleConfig, name: str, action: str, chosen: Indices
) -> Parts:
    output = (
        Path(options.output) if options.output else source.with_name(f"{source.stem}-{name}.jsonl")
    )
    if output.exists() and output.samefile(source):
        raise InputError(f"--output {output}: is the source itself, which stays as it is")
    check_free(output)
    lines = LineIndex(source)
    how = said(options) | {"seed": options.seed}
    with new_lines(output, Source.of(source), action, how) as file:
        for i in chosen:
            file.write(lines.read(int(i)))
    lines.close()
    return Parts(output, source, {output.name: len(chosen)})


def _check_folder(folder: Path) -> None:
    """Find out now whether a folder of parts may be written.

    Raises:
        InputError: Something is there that is not as this program wrote it.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir() or not _all_ours(list(folder.iterdir())):
        raise InputError(
            f"{folder}: is there already, and not as this program wrote it; it stays as it is. "
            "Move it away, or name another folder with --output"
        )


def _all_ours(files: Sequence[Path]) -> bool:
    return all(is_ours(file.with_name(file.name.removesuffix(SUFFIX))) for file in files)

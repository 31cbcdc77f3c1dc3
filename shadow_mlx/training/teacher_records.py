"""A teacher's answers on disk: once for each position, so that it can leave memory.

Of each supervised position the K likeliest tokens are kept with their log-probabilities; what the
others have together is the rest of 1. Files are written some batches at a time, each whole or not
at all, so that a recording that was stopped goes on where it was.

P supervised positions of a data set · K tokens kept of each
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import mlx.core as mx
import numpy as np
import numpy.typing as npt
from jaxtyping import Float

from shadow_mlx.data.batches import Batch, BatchPlan
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.files.writing import load_safetensors, save_safetensors
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import Distance, HeadTeacher
from shadow_mlx.training.losses import Rows, Supervised, chunk_rows, supervised

BATCHES_OF_A_FILE = 64
_KEY = "of"


@dataclass(frozen=True, eq=False)
class TeacherRecords:
    """What a teacher said of one data set, in memory: 6 bytes for each token kept.

    Attributes:
        starts: int64[n + 1], where each example's positions begin.
        tokens: int32[P, K].
        logs: float16[P, K], log-probabilities.
    """

    starts: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int32]
    logs: npt.NDArray[np.float16]

    def of(self, examples: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.generic], ...]:
        """Tokens and logs of some examples' positions, one example after the other."""
        places = [np.arange(self.starts[i], self.starts[i + 1]) for i in examples]
        chosen = np.concatenate(places) if places else np.zeros(0, np.int64)
        return self.tokens[chosen], self.logs[chosen]


class RecordedTeacher:
    """A teacher of which only its records are left; a batch brings those of its positions."""

    def rows(self, model: AttachedModel, batch: Supervised) -> Rows:
        """Tokens int32[N, K] and their log-probabilities float16[N, K]."""
        return batch.notes

    def apart(
        self,
        distances: Sequence[Distance],
        student: Float[mx.array, "rows vocabulary"],
        *rows: mx.array,
    ) -> list[mx.array]:
        """See :class:`~shadow_mlx.training.distillation.Teacher`."""
        tokens, logs = rows
        return [one.of_recorded(tokens, logs, student) for one in distances]


@dataclass(frozen=True)
class Recording:
    """How a teacher is recorded.

    Attributes:
        load: Loads the teacher. It is held only while answers are missing.
        stamp: What tells its files from others.
        top: K.
        temperature: τ, at which the log-probabilities are taken.
    """

    load: Callable[[], HeadTeacher]
    stamp: str
    top: int
    temperature: float

    def key(self, dataset: EncodedDataset) -> str:
        """What tells these records from others: whose, of what, and how."""
        facts = (self.stamp, self.top, self.temperature, dataset.fingerprint)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def recorded(
    recording: Recording,
    model: AttachedModel,
    plan: BatchPlan,
    stem: Path,
    told: Callable[[int, int], None],
    stopping: Callable[[], bool],
) -> TeacherRecords | None:
    """The teacher's records of a data set: those on disk, and the missing ones made and kept.

    Args:
        recording: Who is recorded, and how.
        model: What is trained; a teacher on its backbone is called through it.
        plan: The data set's batches.
        stem: Files are ``<stem>-00000.safetensors`` and so on.
        told: Called with the batches that are done and all that there are.
        stopping: Asked between batches whether to give up (``None`` is returned then); what was
            written by then is used the next time.

    Raises:
        SurroundingsError: The disk refuses.
    """
    dataset, key = plan.dataset, recording.key(plan.dataset)
    starts = np.concatenate([[0], np.cumsum(dataset.supervised_lengths)]).astype(np.int64)
    batches = BatchPlan(dataset, plan.batch_size, shuffle=False).iterate(epochs=1)
    count = plan.batches_per_epoch
    teacher: HeadTeacher | None = None
    examples: list[npt.NDArray[np.int64]] = []
    files: list[tuple[npt.NDArray[np.generic], ...]] = []
    for number, start in enumerate(range(0, count, BATCHES_OF_A_FILE)):
        path = stem.with_name(f"{stem.name}-{number:05d}.safetensors")
        some = list(islice(batches, BATCHES_OF_A_FILE))
        here = _read(path, key)
        if here is None:
            parts = []
            for done, batch in enumerate(some, start):
                if stopping():
                    return None
                told(done, count)
                teacher = teacher or recording.load()
                parts.append(_answers(recording, teacher, model, batch))
            here = tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            _write(path, key, here)
        examples += [batch.examples for batch in some]
        files.append(here)
    told(count, count)
    tokens, logs = (np.concatenate(arrays) for arrays in zip(*files, strict=True))
    order = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in np.concatenate(examples)])
    back = np.argsort(order)
    return TeacherRecords(starts, tokens[back].astype(np.int32), logs[back].astype(np.float16))


def _answers(
    recording: Recording, teacher: HeadTeacher, model: AttachedModel, batch: Batch
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float16]]:
    """The K likeliest tokens of a batch's trained positions, in no order."""
    (hidden,) = teacher.rows(model, supervised(batch))
    hidden = hidden[: batch.tokens]  # the rest is padding
    tokens, logs = [], []
    own = int(model.head(model.shadow.backbone(mx.zeros((1, 1), mx.int32))).shape[-1])
    vocabulary = min(teacher.vocabulary, own)  # what one of them pads it with is left out
    top, rows = min(recording.top, vocabulary), chunk_rows(vocabulary)
    for start in range(0, batch.tokens, rows):
        chunk = hidden[start : start + rows]
        logits = teacher.head(chunk)[:, :vocabulary].astype(mx.float32) / recording.temperature
        kept = mx.argpartition(-logits, top - 1, axis=-1)[:, :top]
        likely = mx.take_along_axis(logits, kept, axis=-1)
        likely = likely - mx.logsumexp(logits, axis=-1, keepdims=True)
        tokens.append(np.array(kept.astype(mx.int32)))
        logs.append(np.array(likely).astype(np.float16))
    return np.concatenate(tokens), np.concatenate(logs)


def _read(path: Path, key: str) -> tuple[npt.NDArray[np.generic], ...] | None:
    """The arrays of a file of these records; ``None`` where there is none, or another's."""
    if not path.is_file():
        return None
    try:
        arrays = load_safetensors(path)
        if bytes(np.array(arrays[_KEY])).decode() != key:
            return None
        return tuple(np.array(arrays[name]) for name in ("tokens", "logs"))
    except (OSError, RuntimeError, ValueError, KeyError):
        return None


def _write(path: Path, key: str, arrays: Sequence[npt.NDArray[np.generic]]) -> None:
    named = {name: mx.array(a) for name, a in zip(("tokens", "logs"), arrays, strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_safetensors(path, {**named, _KEY: mx.array(np.frombuffer(key.encode(), np.uint8))})

"""What the worker answers; :mod:`shadow_mlx.worker.messages` has the wire.

Every reply carries the ``id`` of its request. A request gets any number of replies and then one
whose class is final (``final = True``), after which nothing more comes for that id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

Pair = tuple[str, str]


@dataclass(frozen=True)
class Reply:
    """Base of the replies."""

    final: ClassVar[bool] = False

    id: int


@dataclass(frozen=True)
class Progress(Reply):
    """Still at work. ``total`` is 0 while it is unknown."""

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Done(Reply):
    """The request is finished and there is no more to say. ``text`` may hold a result."""

    final: ClassVar[bool] = True

    text: str = ""


@dataclass(frozen=True)
class Failed(Reply):
    """The request failed. ``bug`` tells that nobody foresaw it; ``message`` says what to do."""

    final: ClassVar[bool] = True

    message: str
    bug: bool = False


@dataclass(frozen=True)
class Loaded(Reply):
    """A model is ready. ``note`` says why this backbone, where nobody named it."""

    final: ClassVar[bool] = True

    backbone: str
    adapter: str | None
    modes: list[str]
    memory_bytes: int
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Piece(Reply):
    """The next piece of an answer: of its ``reasoning``, or of its ``words``."""

    text: str
    part: str = "words"


@dataclass(frozen=True)
class Answered(Reply):
    """An answer is complete; the fields are those of ``generation.decode.Answer``.

    ``text`` is what was said, ``reasoning`` what was thought before it. ``positions`` are the
    model's (0 where it tells of none). ``tokens_per_pass`` is 0 where nothing could be drafted;
    ``speedup`` is over one token at a time, where that is known.
    """

    final: ClassVar[bool] = True

    mode: str
    text: str
    tokens: int
    prompt_tokens: int
    cached_tokens: int
    prompt_tps: float
    generation_tps: float
    memory_bytes: int
    finish_reason: str
    first_token_seconds: float
    reasoning: str = ""
    positions: int = 0
    tokens_per_pass: float = 0.0
    speedup: float | None = None


@dataclass(frozen=True)
class RecordView:
    """One line of a data file, to look at: its parts by role, or what is wrong with it."""

    line: int
    kind: str
    parts: list[Pair]
    problem: str = ""


@dataclass(frozen=True)
class Page(Reply):
    """Records of a file. ``total`` is ``None`` while the file is still being indexed.

    ``columns`` are those that the lines of the page have, each with a value, and ``suggested`` is
    a guess at what they hold. ``known`` is False where no line of the page has a known format.
    """

    final: ClassVar[bool] = True

    start: int
    total: int | None
    records: list[RecordView]
    columns: list[Pair] = field(default_factory=list)
    suggested: dict[str, str] = field(default_factory=dict)
    known: bool = True


@dataclass(frozen=True)
class ProblemView:
    """One finding; ``line`` is 0 for the file as a whole, ``record`` -1 likewise."""

    line: int
    record: int
    found: str
    expected: str


@dataclass(frozen=True)
class Checked(Reply):
    """How far the check of a file is; ``problems`` are those found since the last such reply.

    ``notes`` say, when it is finished, what is left out of the data or stands out in them.
    """

    done: int
    total: int
    records: int
    kinds: dict[str, int]
    turns: int
    problem_count: int
    problems: list[ProblemView]
    finished: bool
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TokenView:
    """One training example as tokens: pieces of text, each trained on or not."""

    line: int
    pieces: list[tuple[str, bool]]
    tokens: int
    trained: int
    truncated: bool
    problem: str = ""


@dataclass(frozen=True)
class Tokens(Reply):
    """The examples of a page of records."""

    final: ClassVar[bool] = True

    start: int
    examples: list[TokenView]


@dataclass(frozen=True)
class Measured(Reply):
    """What encoding a file gave. ``histogram`` holds (from, to, examples), both ends included."""

    final: ClassVar[bool] = True

    records: int
    total: int
    examples: int
    tokens: int
    trained: int
    truncated: int
    dropped: int
    longest: int
    histogram: list[tuple[int, int, int]]
    notes: list[str]


@dataclass(frozen=True)
class Compared(Reply):
    """A comparison as ``evaluation.results.Comparison.to_mapping`` gives it."""

    final: ClassVar[bool] = True

    figures: dict[str, Any]


@dataclass(frozen=True)
class Estimated(Reply):
    """A run's peak memory by part, in bytes, and what it means for this machine.

    ``fit`` is fits, tight or too large; ``advice`` holds other settings in words and the peak with
    each. Where the run does not fit, the first reply is not ``finished``: the advice follows.
    """

    model: str
    parts: dict[str, int]
    cache: int
    peak: int
    usable: int
    fit: str
    sentence: str
    advice: list[tuple[str, int]]
    notes: list[str]
    finished: bool


@dataclass(frozen=True)
class StepTried(Reply):
    """Seconds of one batch of a run, its share of the update included; 0 where none can tell."""

    final: ClassVar[bool] = True

    batch_seconds: float


@dataclass(frozen=True)
class ModelView:
    """One model that is here. ``where`` is bundled, local or hub cache."""

    name: str
    where: str
    path: str
    architecture: str
    quantization: str
    size_bytes: int
    supported: bool
    reason: str = ""


@dataclass(frozen=True)
class Suggested(Reply):
    """Questions to ask, each with the system message (or ``""``) of its example."""

    final: ClassVar[bool] = True

    questions: list[Pair]


@dataclass(frozen=True)
class Models(Reply):
    """The models of this machine, or of the hub.

    ``fetched_bytes`` are on the disk for those in the hub's cache, and ``free_bytes`` are free
    there; 0 where that is unknown.
    """

    final: ClassVar[bool] = True

    models: list[ModelView]
    fetched_bytes: int = 0
    free_bytes: int = 0


@dataclass(frozen=True)
class Exported(Reply):
    """A folder was written. ``figures`` are those of ``export.exporting.Exported``.

    Where ``to`` is another format than ``model``, they hold the ``folder`` alone.
    """

    final: ClassVar[bool] = True

    to: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class Imported(Reply):
    """An adapter was written into ``folder``."""

    final: ClassVar[bool] = True

    folder: str


@dataclass(frozen=True)
class Published(Reply):
    """What is, or would be, uploaded: fields of ``export.publishing.Publication``.

    ``card`` is the text of the model card that is among the files, or ``""``.
    """

    final: ClassVar[bool] = True

    repo: str
    kind: str
    files: dict[str, int]
    notes: list[str]
    card: str
    address: str | None = None

"""What contenders have answered, made into figures: all of them on the same questions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from shadow_mlx.errors import DataError, Interrupted
from shadow_mlx.evaluation.answer_log import Measured
from shadow_mlx.evaluation.contenders import Contender
from shadow_mlx.evaluation.json_answers import count_fields
from shadow_mlx.evaluation.metrics import Metric
from shadow_mlx.evaluation.questions import Question
from shadow_mlx.evaluation.replies import Reply
from shadow_mlx.evaluation.results import Comparison, Result
from shadow_mlx.evaluation.scoring import perplexity
from shadow_mlx.evaluation.uncertainty import estimate

OTHER_TOKENS = (
    "not all of these models read the same tokens (other tokenizers or chat templates): loss and "
    "perplexity, which are those of a token, cannot be held against each other"
)


@dataclass(frozen=True)
class Size:
    """What a model is made of."""

    weight_bytes: int
    parameters: int
    trainable_parameters: int


@dataclass(frozen=True)
class Outcome:
    """One contender: what it was asked, what it has answered (None: not yet), and its costs."""

    contender: Contender
    model: str
    size: Size
    measured: Measured
    seconds: float
    questions: list[Question]
    replies: list[Reply | None]
    notes: list[str]

    @property
    def whole(self) -> bool:
        """Whether every question is answered."""
        return None not in self.replies

    def replies_to(self, lines: Collection[int]) -> list[Reply | None]:
        """The replies to the questions on these lines of the data."""
        both = zip(self.questions, self.replies, strict=True)
        return [reply for question, reply in both if question.line in lines]


def compared_on_all(
    data: str,
    outcomes: Sequence[Outcome],
    metric_of: Callable[[Sequence[Question]], Metric],
    *,
    everybody: bool,
) -> Comparison:
    """What was measured, on the questions that all of them could be asked.

    Args:
        data: The name of the test file.
        outcomes: One or more contenders.
        metric_of: The metric for these questions.
        everybody: Whether these are all that were to take part.

    Raises:
        DataError: There is no such question.
        Interrupted: None of them is answered yet.
    """
    common = set.intersection(*({question.line for question in one.questions} for one in outcomes))
    if not common:
        raise DataError("no question of the file is short enough for all of these models")
    questions = [question for question in outcomes[0].questions if question.line in common]
    metric = metric_of(questions)
    found = [_result(one, common, metric) for one in outcomes if any(one.replies_to(common))]
    if not found:
        raise Interrupted("stopped before there was anything to show")
    notes = dict.fromkeys(note for one in outcomes for note in one.notes)
    prompts = {tuple(question.prompt for question in one.questions) for one in outcomes}
    if len(prompts) > 1:
        notes[OTHER_TOKENS] = None
    whole = everybody and all(None not in one.replies_to(common) for one in outcomes)
    return Comparison(data, tuple(questions), tuple(found), not whole, tuple(notes), metric)


def _result(one: Outcome, common: set[int], metric: Metric) -> Result:
    contender, speed = one.contender, one.measured.speed
    replies = one.replies_to(common)
    answered = [reply for reply in replies if reply is not None]
    pairs = [reply.pair for reply in answered]
    flags = [metric.right(pair) for pair in pairs]
    return Result(
        name=contender.name,
        mode=contender.mode,
        adapter=contender.folder,
        model=one.model,
        questions=len(answered),
        exact=sum(pair.same for pair in pairs) / len(pairs),
        field_f1=count_fields((pair.answer, pair.expected) for pair in pairs).f1,
        scores={score.name: estimate(score, pairs, flags) for score in metric.scores},
        loss=one.measured.loss,
        perplexity=perplexity(one.measured.loss),
        prompt_tps=speed.prompt_tps,
        decode_tps=speed.decode_tps,
        first_token_seconds=speed.first_token_seconds,
        memory_bytes=speed.memory_bytes,
        **vars(one.size),
        seconds=one.seconds,
        answers=tuple(None if reply is None else reply.words for reply in replies),
        right=tuple(None if reply is None else metric.right(reply.pair) for reply in replies),
        reasonings=tuple("" if reply is None else reply.reasoning for reply in replies),
        unfinished=sum(reply.unfinished for reply in answered),
    )

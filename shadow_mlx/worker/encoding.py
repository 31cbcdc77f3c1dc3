"""Data as the model will see it: which tokens are trained, how long examples are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from shadow_mlx.config import BackboneConfig, EncodingConfig
from shadow_mlx.data.dataset import EncodingCounts, Example, histogram
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.data.stretches import stretches
from shadow_mlx.data.tokens import Encoder
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m

if TYPE_CHECKING:
    from shadow_mlx.loading import ReadyTokenizer

REPORT_EVERY = 256


def serve(
    request: m.Request, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """Replies to ``ShowTokens`` and ``Measure``."""
    if isinstance(request, m.ShowTokens):
        options = EncodingConfig.from_mapping(request.options, where="options")
        encoder = _encoder(options)
        source = JsonLines(request.path, options.columns)
        wanted = range(request.start, min(request.start + request.count, len(source)))
        examples = [item for i in wanted for item in _show(encoder, source, i)]
        yield m.Tokens(request.id, request.start, examples)
    elif isinstance(request, m.Measure):
        yield from _measure(request)


def _encoder(options: EncodingConfig) -> Encoder:
    ready = _tokenizer(options.part(BackboneConfig))
    return Encoder(ready.tokenizer, options.encoding, ready.limit)


@lru_cache(maxsize=2)
def _tokenizer(backbone: BackboneConfig) -> ReadyTokenizer:
    from shadow_mlx.loading import load_tokenizer_of

    return load_tokenizer_of(backbone)


def _show(encoder: Encoder, source: JsonLines, i: int) -> list[m.TokenView]:
    line = source.line_number(i)
    try:
        (whole,) = encoder.encode_many([source[i]])
    except InvalidDataError as error:
        return [m.TokenView(line, [], 0, 0, False, str(error))]
    if whole.refusal is not None:
        return [m.TokenView(line, [], 0, 0, False, str(whole.refusal))]
    views = []
    for example in whole.examples:
        fitted = encoder.fit(example)
        if fitted is None:
            problem = "dropped: no trained token is left within the longest length"
            views.append(m.TokenView(line, [], len(example.tokens), 0, False, problem))
        else:
            views.append(_pieces(encoder.tokenizer, line, fitted))
    return views


def _pieces(tokenizer: Any, line: int, example: Example) -> m.TokenView:
    found = stretches(tokenizer, example, stop=())
    pieces = [(stretch.text, stretch.part != "prompt") for stretch in found]
    trained = int(example.supervised.sum())
    return m.TokenView(line, pieces, len(example.tokens), trained, example.truncated)


def _measure(request: m.Measure) -> Iterator[m.Reply]:
    import numpy as np

    options = EncodingConfig.from_mapping(request.options, where="options")
    encoder = _encoder(options)
    source = JsonLines(request.path, options.columns)
    total = min(len(source), request.limit)
    counts, lengths, problems = EncodingCounts(records=total), [], 0
    for i in range(total):
        try:
            (whole,) = encoder.encode_many([source[i]])
        except InvalidDataError:
            problems += 1
            continue
        if whole.refusal is not None:
            problems += 1
            continue
        lengths += [len(example.tokens) for example in whole.examples]
        encoder.keep(whole, counts)
        if (i + 1) % REPORT_EVERY == 0:
            yield m.Progress(request.id, "tokenising", i + 1, total)
    notes = counts.notes()
    if problems:
        notes.append(f"{problems:,} lines cannot be used and are not counted here")
    if total < len(source):
        notes.append(f"measured on the first {total:,} of {len(source):,} records")
    yield m.Measured(
        request.id,
        total,
        len(source),
        counts.examples,
        counts.tokens,
        counts.supervised_tokens,
        counts.truncated,
        counts.dropped,
        max(lengths, default=0),
        histogram(np.array(lengths, np.int64)),
        notes,
    )

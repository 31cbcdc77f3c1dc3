"""A tokenizer's files: read strictly, loaded by mlx-lm, and checked against the model's table.

They are read by three libraries in two languages, each of which fails in its own way at a damaged
file, some in ways that no program is meant to catch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import mlx_lm.utils
from huggingface_hub.errors import StrictDataclassError

from shadow_mlx.backbones.configuration import vocabulary_of
from shadow_mlx.backbones.folder import read_model_config
from shadow_mlx.errors import ModelError
from shadow_mlx.files.json_files import JsonFileError, read_object

JSON_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.json",
)  # fmt: skip

_FAILURES = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, ArithmeticError,
    RuntimeError, AssertionError, NameError, StrictDataclassError,
)  # fmt: skip


class _TokenizerErrors:
    """Turns what the libraries raise in its block into one :class:`ModelError`.

    The tokenizers library, in Rust, raises bare exceptions, and panics, which derive from no
    exception at all; so it looks at the very class instead of catching a base of everything.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or error is None or issubclass(kind, ModelError):
            return
        rust = kind is Exception or kind.__name__ == "PanicException"
        if rust or issubclass(kind, _FAILURES):
            raise _unusable(self._folder, _first_line(error)) from error


def read_tokenizer(folder: Path, *, trust_remote_code: bool) -> Any:
    """The tokenizer in a folder that is known to have one.

    Raises:
        ModelError: Its files cannot be read or do not fit each other or the model.
    """
    config = read_model_config(folder, str(folder))
    _check_files(folder)
    with _TokenizerErrors(folder):
        settings = mlx_lm.utils.load_config(folder)
        tokenizer = mlx_lm.utils.load_tokenizer(
            folder,
            {"trust_remote_code": trust_remote_code},
            eos_token_ids=settings.get("eos_token_id"),
        )
        _check_numbers(folder, tokenizer, vocabulary_of(config))
        tokenizer.encode("a")  # some faults show only when it is used
    return tokenizer


def _check_files(folder: Path) -> None:
    for name in JSON_FILES:
        try:
            read_object(folder / name)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unusable(folder, f"{name} cannot be read: {error.strerror}") from error
        except JsonFileError as error:
            raise _unusable(folder, f"{name}: {error}") from error


def _check_numbers(folder: Path, tokenizer: Any, rows: int | None) -> None:
    """Refuse tokens whose numbers are beyond the model's table: they would read foreign memory.

    An added token that no template writes may stay: models in use have one that stands for images.
    """
    if rows is None:
        return
    beyond = {text for text, number in tokenizer.get_vocab().items() if number >= rows}
    if not beyond:
        return
    template = str(getattr(tokenizer, "chat_template", None) or "")
    added: Mapping[str, int] = tokenizer.get_added_vocab()
    ends = {tokenizer.bos_token, tokenizer.eos_token}
    used = sorted(text for text in beyond if text not in added or text in ends or text in template)
    if not used:
        return
    number = tokenizer.get_vocab()[used[0]]
    raise _unusable(
        folder,
        f"its token {used[0]!r} has the number {number}, and the model has {rows:,} tokens "
        f"(vocab_size in config.json); {len(used)} of its tokens are beyond that",
    )


def _unusable(folder: Path, why: str) -> ModelError:
    return ModelError(
        f"{folder}: its tokenizer cannot be loaded ({why}); copy the model's own tokenizer files "
        "there again"
    )


def _first_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:200] if text else "no reason is given"

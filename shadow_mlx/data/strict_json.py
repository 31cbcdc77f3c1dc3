"""One line of bytes to JSON: UTF-8, no NaN, no broken characters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

Finding = tuple[str, str]  # (found, expected)


class InvalidLineError(ValueError):
    """A line that is no record; ``findings`` are pairs of what was found and what was expected."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"found {a}; expected {b}" for a, b in findings))


def read_json(raw: bytes) -> Any:
    """The JSON value of a line.

    Raises:
        InvalidLineError: The line is not UTF-8, not JSON, or has what JSON does not have (NaN).
    """
    try:
        return DECODER.decode(raw.decode("utf-8"))
    except InvalidLineError:
        raise
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        found = f"the byte 0x{byte:02x} at position {error.start + 1}, which is not UTF-8"
        raise InvalidLineError([(found, "UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        found = f"broken JSON ({error.msg} at column {error.colno})"
        raise InvalidLineError([(found, "one JSON object on a line")]) from None
    except RecursionError:
        raise InvalidLineError([("JSON nested too deeply", "a plain record")]) from None
    except ValueError as error:  # a number of thousands of digits
        raise InvalidLineError([(str(error), "plain JSON")]) from None


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidLineError([(f"{name}, which JSON does not have", "a number, text or null")])


DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def check_surrogates(value: Any, findings: list[Finding]) -> None:
    """``"\\ud83d"`` alone is legal JSON and no text at all: a tokenizer cannot encode it."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        findings.append(("half of a surrogate pair (\\ud800 to \\udfff)", "whole characters"))

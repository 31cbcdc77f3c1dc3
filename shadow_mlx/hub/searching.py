"""Models of the hub that are found by words: what the hub says of each, before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shadow_mlx.errors import HubError
from shadow_mlx.hub.errors import UnexpectedAnswerError, http_error, reason
from shadow_mlx.hub.listing import check_endpoint, said

MOST = 30
"""Models that one search gives."""

_BYTES = {"64": 8.0, "32": 4.0, "16": 2.0, "8": 1.0, "4": 0.5}
"""Of a number whose type's name has these digits: BF16, U32, F8_E4M3 …"""


@dataclass(frozen=True)
class Offer:
    """A model of the hub; what it does not tell is empty, or 0."""

    name: str
    architecture: str
    quantization: str
    size_bytes: int
    downloads: int
    gated: bool


def search(words: str) -> list[Offer]:
    """Models that write text, whose names have these words; those fetched most come first.

    Raises:
        HubError: The hub cannot be reached, refuses, or something else answers.
    """
    from huggingface_hub import constants, errors

    check_endpoint(constants.ENDPOINT)
    params = {
        "search": words,
        "pipeline_tag": "text-generation",
        "sort": "downloads",
        "direction": "-1",
        "limit": str(MOST),
        "expand": ["config", "safetensors", "downloads", "gated"],
    }
    try:
        listed = said("models", params, list)
    except (http_error(), errors.HfHubHTTPError, UnexpectedAnswerError, OSError) as error:
        raise HubError(
            f"the hub cannot be searched ({reason(error)}); check the connection, or fetch a model "
            "by its id"
        ) from None
    return [_offer(one) for one in listed if isinstance(one, dict) and _is_name(one.get("id"))]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.count("/") <= 1 and value.isprintable()


def _offer(raw: dict[str, Any]) -> Offer:
    config = _mapping(raw.get("config"))
    quantized = _mapping(config.get("quantization_config"))
    bits = quantized.get("bits")
    downloads = raw.get("downloads")
    return Offer(
        raw["id"],
        str(config.get("model_type") or ""),
        f"{bits}-bit" if isinstance(bits, int) else "",
        _size(_mapping(_mapping(raw.get("safetensors")).get("parameters"))),
        downloads if isinstance(downloads, int) else 0,
        bool(raw.get("gated")),
    )


def _size(parameters: dict[str, Any]) -> int:
    """Bytes of weights, of which so many numbers have a type."""
    total = 0.0
    for kind, count in parameters.items():
        digits = next((d for d in _BYTES if d in kind), "")
        if isinstance(count, int):
            total += count * _BYTES.get(digits, 1.0)
    return round(total)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

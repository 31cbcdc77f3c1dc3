"""The models that come with the package."""

from __future__ import annotations

from pathlib import Path

from shadow_mlx.backbones.folder import is_model
from shadow_mlx.errors import ModelError


def bundled_models() -> list[str]:
    """Their names."""
    return sorted({f.name for root in _roots() for f in root.glob("*/") if is_model(f)})


def bundled_model(name: str) -> Path:
    """The folder of one of them, in an installed wheel or in the repository.

    Raises:
        ModelError: There is none of that name.
    """
    for root in _roots():
        if is_model(root / name):
            return root / name
    known = ", ".join(bundled_models()) or "none"
    raise ModelError(f"no bundled model {name!r} (bundled: {known})")


def bundled_data() -> Path:
    """The first-run data set, which lies in the bundled model's folder.

    Raises:
        ModelError: The package was installed without it.
    """
    return bundled_model("sprout") / "data" / "robot-intents"


def _roots() -> list[Path]:
    here = Path(__file__).resolve().parents[1]
    return [here / "models", here.parent / "models"]  # an installed wheel; the repository

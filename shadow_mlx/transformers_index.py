"""A quicker import of transformers, which mlx-lm needs for its tokenizers.

When it is imported, transformers (5.24) reads all of its 1,700 source files for the names that they
export. It looks at each of their lines, in Python, and does all of it twice, since the results of
561 folders go into a cache of 128: more than half of a second of every program that uses mlx-lm.
:func:`install` (called once, by ``shadow_mlx/__init__``) gives it a larger cache, and hands it the
end of each file that holds the names. What it finds is the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

READER = "transformers.utils.import_utils"
NAMES = "__all__"


def install() -> None:
    """Arrange it for the moment when somebody first imports transformers."""
    if READER not in sys.modules:
        sys.meta_path.insert(0, _BeforeTransformers())


class _BeforeTransformers:
    """Lets the others find the module that reads the files, and changes it once it is executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != READER:
            return None
        import importlib.util  # what never loads transformers starts without it

        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_change(module: ModuleType) -> None:
                execute(module)
                quicken(module)

            spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]  # one module's
        return spec


def quicken(module: Any) -> None:
    """Change both functions, where they are what they were when this was written."""
    fetch = getattr(module, "fetch__all__", None)
    structure: Any = getattr(module, "create_import_structure_from_path", None)
    if callable(fetch):
        module.fetch__all__ = of_the_end(fetch)
    if hasattr(structure, "cache_info"):
        module.create_import_structure_from_path = lru_cache(None)(structure.__wrapped__)


def of_the_end(fetch: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """``fetch``, which looks for the last line that begins with ``__all__``, handed less.

    Args:
        fetch: transformers' own function of a source file's text.
    """

    def fetch_quickly(content: str) -> list[str]:
        start = content.rfind("\n" + NAMES) + 1  # 0 also where the first line begins with it
        return fetch(content[start:])

    return fetch_quickly

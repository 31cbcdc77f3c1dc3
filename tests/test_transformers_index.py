"""transformers is imported more quickly, and knows the same names."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from shadow_mlx.transformers_index import of_the_end, quicken

STRUCTURE = """
{first}
import json, transformers
from transformers import AutoTokenizer
from transformers.utils import import_utils as reader

def plainly(value):
    if isinstance(value, dict):
        return sorted((sorted(k) if isinstance(k, frozenset) else k, plainly(v))
                      for k, v in value.items())
    return sorted(value)

hits = reader.create_import_structure_from_path.cache_info().hits
models = transformers.__path__[0] + "/models"
print(json.dumps([hits, plainly(reader.define_import_structure(models))]))
"""


def names_known(first: str) -> tuple[int, list[object]]:
    """How often a folder was not read again, and what transformers knows."""
    code = STRUCTURE.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    hits, names = json.loads(done.stdout)
    return hits, names


def test_all_names_are_where_they_were() -> None:
    plain, names = names_known("")
    quick, same = names_known("import shadow_mlx")
    assert len(str(names)) > 100_000
    assert same == names
    assert quick > plain + 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1\n",
        '__all__ = ["a", "b"]',
        'import x\n\n__all__ = [\n    "a",\n    "b",\n]\n',
        '__all__ = ["a"]\nx = 1\n__all__ = ["b"]\n',
        'x = """\n__all__ = ["no"]\n"""\n__all__ = [\n "yes",\n]\ny = 2\n',
        "if x:\n    __all__ = []\n",
        "# __all__ is none here\n",
        "__all__ = [\n",
    ],
)
def test_the_end_of_a_file_says_what_the_file_says(text: str) -> None:
    place = importlib.util.find_spec("transformers")
    assert place is not None
    assert place.origin is not None
    source = (Path(place.origin).parent / "utils" / "import_utils.py").read_text(encoding="utf-8")
    start = source.index("def fetch__all__")
    scope: dict[str, object] = {}
    exec(source[start : source.index("\n@lru_cache", start)], scope)  # transformers' own
    fetch = scope["fetch__all__"]
    assert callable(fetch)
    assert of_the_end(fetch)(text) == fetch(text)


def test_another_transformers_is_left_as_it_is() -> None:
    module = SimpleNamespace(create_import_structure_from_path=len)
    quicken(module)
    assert vars(module) == {"create_import_structure_from_path": len}
    bounded = SimpleNamespace(create_import_structure_from_path=lru_cache(2)(len))
    quicken(bounded)
    assert bounded.create_import_structure_from_path.cache_info().maxsize is None

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import pytest

from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.files import writing as files


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_text_appears_whole_and_alone(tmp_path):
    files.write_text(tmp_path / "new" / "note.txt", "Grüße")
    assert (tmp_path / "new" / "note.txt").read_text(encoding="utf-8") == "Grüße"
    assert names(tmp_path / "new") == ["note.txt"]


def test_json_is_ordered_and_readable(tmp_path):
    files.write_json(tmp_path / "x.json", {"b": 1, "a": "ü"})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert text.index('"a"') < text.index('"b"')
    assert json.loads(text) == {"a": "ü", "b": 1}


def test_safetensors_keep_the_name_and_the_metadata(tmp_path):
    target = tmp_path / "weights.part"
    files.save_safetensors(target, {"a": mx.arange(3)}, {"format": "pt"})
    assert names(tmp_path) == ["weights.part"]
    arrays, metadata = mx.load(str(target), format="safetensors", return_metadata=True)
    assert metadata == {"format": "pt"}
    assert arrays["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
def test_a_refusing_disk_keeps_the_old_file(tmp_path, monkeypatch, code, words):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def refuse(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(SurroundingsError, match=words) as raised:
        files.write_text(target, "new")
    assert str(target) in str(raised.value)
    assert raised.value.exit_code == 3
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_tensors_cut_short_by_the_system_keep_the_old_file(tmp_path):
    """A file-size limit makes the real write fail half way, inside MLX's writer."""
    target = tmp_path / "weights.safetensors"
    files.save_safetensors(target, {"a": mx.zeros((8,))})
    before = target.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(SurroundingsError, match="allowed size"):
            files.save_safetensors(target, {"a": mx.zeros((100_000,))})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == before
    assert names(tmp_path) == ["weights.safetensors"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(SurroundingsError, match="a file stands where a folder is needed"):
        files.write_text(tmp_path / "a" / "b.txt", "x")


def test_folder_is_complete_or_absent(tmp_path):
    target = tmp_path / "deep" / "step-000001"

    def fail_half_way():
        with files.atomic_folder(target) as folder:
            files.write_text(folder / "one", "1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert names(tmp_path / "deep") == []
    with files.atomic_folder(target) as folder:
        files.write_text(folder / "one", "1")
        assert not target.exists()
    assert names(target) == ["one"]


def test_folder_replaces_an_older_one(tmp_path):
    target = tmp_path / "step"
    for name in ("old", "new"):
        with files.atomic_folder(target) as folder:
            files.write_text(folder / name, name)
    assert names(target) == ["new"]
    assert names(tmp_path) == ["step"]


def test_a_killed_writer_leaves_only_what_can_be_removed(tmp_path):
    program = (
        "import os, sys; from shadow_mlx.files import writing as files\n"
        "with files.atomic_folder(sys.argv[1] + '/step') as folder:\n"
        "    files.write_text(folder / 'x', 'x')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert not (tmp_path / "step").exists()
    assert len(names(tmp_path)) == 1
    files.remove_leftovers(tmp_path, lambda name: name == "other")
    assert len(names(tmp_path)) == 1
    files.remove_leftovers(tmp_path, lambda name: name == "step")
    assert names(tmp_path) == []


def test_whether_a_place_can_be_written_is_known_before_and_leaves_nothing(tmp_path: Path) -> None:
    files.check_writable(tmp_path / "new" / "folder" / "file")
    files.check_writable(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="a folder"):
        files.check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    files.check_writable(tmp_path / "file")
    with pytest.raises(SurroundingsError, match="a file stands where a folder is needed"):
        files.check_writable(tmp_path / "file" / "below")


def test_json_of_paths_that_are_no_text_is_read_back(tmp_path: Path) -> None:
    for value in ({"runs": ["caf\udce9", "naïve"]}, {"runs": ["naïve"]}):
        files.write_json(tmp_path / "state.json", value)
        assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8")) == value
    assert "naïve" in (tmp_path / "state.json").read_text(encoding="utf-8")


def test_arrays_are_read_from_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = "café" if sys.platform == "darwin" else "caf\udce9"  # macOS takes only UTF-8
    path = tmp_path / name / "w.safetensors"
    files.save_safetensors(path, {"a": mx.arange(5)})
    loaded = files.load_safetensors(path)
    path.unlink()
    assert loaded["a"].tolist() == [0, 1, 2, 3, 4]

"""What took long to make is found again whole, or not at all."""

import os
import sys
from pathlib import Path

import pytest

from assistant import kept_files
from assistant.cache_folder import cache_folder
from assistant.kept_files import file_digest, keep, key_of, read_kept


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SONOCUE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_kept_is_read_back_and_nothing_else(cache):
    keep("engines", key_of({"gpu": "a", "n": 1}), b"content")
    assert read_kept("engines", key_of({"n": 1, "gpu": "a"})) == b"content"
    assert read_kept("engines", key_of({"n": 2, "gpu": "a"})) is None
    assert read_kept("others", key_of({"n": 1, "gpu": "a"})) is None


@pytest.mark.parametrize("cut", [0, 10, 32, 38])
def test_half_a_file_is_none(cache, cut):
    keep("engines", "k", b"content")
    file = cache / "engines" / "k"
    file.write_bytes(file.read_bytes()[:cut])
    assert read_kept("engines", "k") is None


def test_the_folder_is_the_users_alone(cache):
    keep("engines", "k", b"content")
    assert cache.stat().st_mode & 0o077 == 0


def test_what_was_not_used_for_longest_makes_room(cache, monkeypatch):
    monkeypatch.setattr(kept_files, "MOST_BYTES", 3 * (32 + 100))
    for number in range(3):
        keep("engines", str(number), bytes(100))
        os.utime(cache / "engines" / str(number), (number, number))
    assert read_kept("engines", "0") is not None  # used now, so 1 is the oldest
    keep("engines", "3", bytes(100))
    assert sorted(file.name for file in (cache / "engines").iterdir()) == ["0", "2", "3"]
    keep("engines", "large", bytes(1000))
    assert [file.name for file in (cache / "engines").iterdir()] == ["large"], "the newest stays"


def test_nothing_is_kept_where_nothing_may_be(monkeypatch):
    monkeypatch.setenv("SONOCUE_CACHE", "")
    keep("engines", "k", b"content")
    assert read_kept("engines", "k") is None


@pytest.mark.skipif(sys.platform != "linux", reason="the folder is another one elsewhere")
def test_by_the_custom_of_the_system(tmp_path, monkeypatch):
    monkeypatch.delenv("SONOCUE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("x") == tmp_path / "xdg" / "sonocue" / "x"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("x") == Path(tmp_path) / ".cache" / "sonocue" / "x"


def test_a_files_digest_is_that_of_sha256sum(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert file_digest(tmp_path / "file").startswith("ba7816bf8f01cfea")

"""How long the disk has room, by files that really grow."""

import shutil

import pytest

from assistant.disk_room import KNOWN_AFTER_NS, DiskRoom

SECOND_NS = 1_000_000_000


def test_the_rate_is_what_the_folder_grows_by(tmp_path):
    room, film = DiskRoom(tmp_path), tmp_path / "video.mkv"
    free = shutil.disk_usage(tmp_path).free
    said = []
    for second in range(12):
        film.write_bytes(bytes(100_000 * second))
        said.append(room.seconds_left(5 * SECOND_NS + second * SECOND_NS))
    known_after = KNOWN_AFTER_NS // SECOND_NS
    assert said[:known_after] == [None] * known_after
    assert said[-1] == pytest.approx(free / 100_000, rel=0.05)


def test_an_old_rate_is_forgotten(tmp_path):
    room, film = DiskRoom(tmp_path), tmp_path / "video.mkv"
    size = 0
    for second in range(80):
        size += 1_000_000 if second < 20 else 10_000
        with film.open("wb") as stream:
            stream.truncate(size)  # its length counts, not its blocks
        now = room.seconds_left(second * SECOND_NS)
    assert now == pytest.approx(shutil.disk_usage(tmp_path).free / 10_000, rel=0.05)


def test_the_folder_is_looked_at_once_a_second(tmp_path):
    room = DiskRoom(tmp_path)
    for tenth in range(60):
        (tmp_path / "video.mkv").write_bytes(bytes(1000 * tenth))
        room.seconds_left(tenth * SECOND_NS // 10)
    assert len(room._grown) == 6


def test_a_folder_that_is_gone_has_no_answer(tmp_path):
    room = DiskRoom(tmp_path / "gone")
    assert room.seconds_left(0) is None
    assert room.seconds_left(10 * SECOND_NS) is None

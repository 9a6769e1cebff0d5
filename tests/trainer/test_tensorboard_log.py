"""Event files read back by their own definition (TFRecord with CRC32C), and what is written without a socket."""

import socket
import struct

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from assistant.errors import TrainingError
from trainer.progress import epoch_bar
from trainer.tensorboard_log import tensorboard_log


def crc32c(data):
    """Castagnoli's polynomial, bit by bit (RFC 3720, B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def events_of(folder):
    """All records, in the order in which TensorBoard reads them: length, its checksum, data, its checksum."""
    found = []
    for file in sorted(folder.iterdir()):
        assert "tfevents" in file.name
        data, at = file.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            content = data[at + 12 : at + 12 + length]
            assert struct.unpack_from("<I", data, at + 8)[0] == masked(data[at : at + 8])
            assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(content)
            found.append(Event.FromString(content))
            at += 16 + length
    return found


def test_the_checksum_is_that_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283


def test_each_epoch_is_there_as_soon_as_it_is_told_and_nothing_that_is_not_finite(tmp_path, monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    with tensorboard_log(tmp_path / "pretrain") as write:
        assert not (tmp_path / "pretrain").exists(), "nothing to tell yet"
        write({"epoch": 0.0, "loss": 2.5, "R@1": float("nan")})
        first = events_of(tmp_path / "pretrain")
        write({"epoch": 1.0, "loss": 1.5, "R@1": 0.25})
    events = events_of(tmp_path / "pretrain")
    assert len(events) == len(first) + 1
    assert events[0].file_version == "brain.Event:2"
    assert events[1].session_log.status == SessionLog.START
    told = [(e.step, {v.tag: v.simple_value for v in e.summary.value}) for e in events if e.summary.value]
    assert told == [(0, {"loss": 2.5}), (1, {"loss": 1.5, "R@1": 0.25})]


def test_a_run_that_goes_on_hides_the_epochs_that_are_made_again(tmp_path):
    with tensorboard_log(tmp_path) as write:
        for epoch in range(3):
            write({"epoch": float(epoch), "loss": 1.0})
    with tensorboard_log(tmp_path) as write:
        write({"epoch": 2.0, "loss": 0.5})
    starts = [e.step for e in events_of(tmp_path) if e.HasField("session_log")]
    assert starts == [0, 2]
    assert len(list(tmp_path.iterdir())) == 2


def test_the_steps_of_a_run_write_it(tmp_path):
    with epoch_bar("finetune", 1, tmp_path) as report:
        report({"epoch": 0.0, "loss": 0.75})
    told = [v.simple_value for e in events_of(tmp_path / "tensorboard" / "finetune") for v in e.summary.value]
    assert told == [0.75]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "run").write_text("a file where a folder should be")
    with pytest.raises(TrainingError, match="cannot be written"), tensorboard_log(tmp_path / "run" / "x") as write:
        write({"epoch": 0.0, "loss": 1.0})

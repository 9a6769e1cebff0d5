"""``sonocue model run MODEL FILES... --out FILE``: an archive of real files through a real engine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from assistant.cli import main
from assistant.contracts import Frame
from assistant.offline.inputs import frames, kind_of, length_s, recordings
from assistant.offline.rows import COLUMNS, gaze_peak_px
from assistant.offline.run import BATCH, Judge, judge_all
from assistant.offline.store import ResultStore

pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")

SONOCUE = Path(sys.executable).with_name("sonocue")
RATE = 10


def picture(side, seed=0):
    """Speckle that is bright on one side: what the tiny model names."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(60, 100, (96, 120), dtype=np.uint8)
    half = np.s_[:, :60] if side == "left" else np.s_[:, 60:]
    grey[half] = rng.integers(180, 255, (96, 60), dtype=np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def write_video(file, sides):
    with av.open(file, "w") as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 120, 96, "bgr0"
        for seed, side in enumerate(sides):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(side, seed), format="bgr24")))
        container.mux(stream.encode(None))
    return file


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    write_video(folder / "a.mkv", ["left"] * 11 + ["right"] * 10)
    write_video(folder / "b.mkv", ["right"] * 5)
    (folder / "deeper").mkdir()
    cv2.imwrite(str(folder / "deeper" / "still.png"), picture("left"))
    (folder / "notes.txt").write_text("not a recording")
    return folder


def run(monkeypatch, capsys, *arguments):
    """The command in this process: exit status, JSON summary, lines on standard error."""
    monkeypatch.setattr(sys, "argv", ["sonocue", "model", "run", *map(str, arguments), "--json", "--threads", "2"])
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code or 0
    said = capsys.readouterr()
    return status, json.loads(said.out) if said.out else None, said.err.splitlines()


def rows_in(file):
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra 'archive' (pyarrow) is not installed")
    return parquet.read_table(file).to_pylist()


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_each_frame_of_an_archive_is_one_row_in_order(tiny_bundle, archive, tmp_path, monkeypatch, capsys, suffix):
    out = tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="the extra 'archive' (pyarrow) is not installed")
    status, summary, _ = run(monkeypatch, capsys, tiny_bundle.path, archive, "--out", out)
    assert status == 0
    assert (summary["recordings"], summary["judged"], summary["frames"]) == (3, 3, 27)
    rows = rows_in(out)
    assert all(tuple(row) == COLUMNS for row in rows)
    names = [Path(row["file"]).name for row in rows]
    assert names == ["a.mkv"] * 21 + ["b.mkv"] * 5 + ["still.png"]
    assert [row["frame"] for row in rows] == [*range(21), *range(5), 0]
    np.testing.assert_allclose([row["time_s"] for row in rows[:21]], np.arange(21) / RATE, atol=2e-3)
    assert [row["plane"] for row in rows] == ["abdomen"] * 11 + ["femur"] * 15 + ["abdomen"]
    left, right = rows[0], rows[20]
    assert 12 <= left["gaze_x_px"] < 60 < right["gaze_x_px"] < 108
    assert left["abstention"] is None
    assert sum(left["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert {row["model"] for row in rows} == {tiny_bundle.model_id}
    assert not (tmp_path / f"rows.{suffix}.parts").exists()


def test_batched_gives_what_one_frame_at_a_time_gives(tiny_bundle, archive, tmp_path, monkeypatch, capsys):
    out = tmp_path / "rows.jsonl"
    run(monkeypatch, capsys, tiny_bundle.path, archive / "a.mkv", "--out", out)
    monkeypatch.setattr(
        sys, "argv", ["sonocue", "model", "run", str(tiny_bundle.path), str(archive / "a.mkv"), "--json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    single = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    batched = rows_in(out)
    assert len(single) == len(batched) > 2 * BATCH
    for one, row in zip(single, batched, strict=True):
        assert (one["frame"], one["plane"], one["top"]) == (row["frame"], row["plane"], row["top"])
        assert one["confidence"] == pytest.approx(row["confidence"], abs=1e-4)


def test_what_is_broken_is_listed_and_the_others_go_on(tiny_bundle, archive, tmp_path, monkeypatch, capsys):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "empty.mp4").touch()
    (bad / "noise.avi").write_bytes(np.random.default_rng(0).bytes(5000))
    (bad / "torn.mkv").write_bytes((archive / "a.mkv").read_bytes()[:200])
    (bad / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\x00")
    out = tmp_path / "rows.jsonl"
    status, summary, errors = run(monkeypatch, capsys, tiny_bundle.path, bad, archive / "b.mkv", tmp_path / "gone.mp4",
                                  "--out", out)  # fmt: skip
    assert status == 2
    assert sorted(Path(file).name for file in summary["failed"]) == [
        "broken.dcm", "empty.mp4", "gone.mp4", "noise.avi", "torn.mkv",
    ]  # fmt: skip
    assert all(why and "\n" not in why and "defect" not in why for why in summary["failed"].values())
    assert len(errors) == 6
    assert errors[-1].startswith("sonocue: 5 of 6 recordings could not be used")
    assert len(rows_in(out)) == 5


def test_a_second_run_does_only_what_is_new(tiny_bundle, archive, tmp_path, monkeypatch, capsys):
    out = tmp_path / "rows.jsonl"
    run(monkeypatch, capsys, tiny_bundle.path, archive / "b.mkv", "--out", out)
    before = rows_in(out)
    _, summary, _ = run(monkeypatch, capsys, tiny_bundle.path, archive, "--out", out)
    assert (summary["kept"], summary["judged"], summary["frames"]) == (1, 2, 22)
    assert rows_in(out)[:5] == before
    assert len(rows_in(out)) == 27
    _, summary, _ = run(monkeypatch, capsys, tiny_bundle.path, archive, "--out", out)
    assert (summary["kept"], summary["judged"]) == (3, 0)
    assert len(rows_in(out)) == 27


def test_killed_between_its_last_two_steps_no_row_stands_twice(tiny_bundle, archive, tmp_path, monkeypatch, capsys):
    out = tmp_path / "rows.jsonl"
    run(monkeypatch, capsys, tiny_bundle.path, archive / "b.mkv", "--out", out)
    store = ResultStore(out, tiny_bundle.model_id)
    store.add(archive / "b.mkv", rows_in(out))  # as it lies when the file had its name and the parts were still there
    (tmp_path / "rows.jsonl.parts" / "x.1.unfinished").write_text('{"file": "half')
    status, summary, _ = run(monkeypatch, capsys, tiny_bundle.path, archive / "b.mkv", archive / "a.mkv", "--out", out)
    assert (status, summary["kept"]) == (0, 1)
    assert len(rows_in(out)) == 26


def test_killed_in_the_middle_it_goes_on_and_the_rows_are_the_same(tiny_bundle, tmp_path):
    """A real process, killed without warning when the first of many videos is done."""
    for number in range(6):
        write_video(tmp_path / f"{number}.mkv", ["left", "right"] * 40)
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    command = [SONOCUE, "model", "run", tiny_bundle.path, tmp_path, "--json", "--threads", "1", "--out"]
    process = subprocess.Popen([*command, torn], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = tmp_path / "torn.jsonl.parts"
    until_s = time.monotonic() + 60
    while not list(parts.glob("*.jsonl")) and process.poll() is None and time.monotonic() < until_s:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if torn.exists():
        pytest.fail("it was done before it could be killed: make the archive larger")
    assert list(parts.glob("*.jsonl"))
    again = subprocess.run([*command, torn], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(again.stdout)["kept"] >= 1
    subprocess.run([*command, whole], capture_output=True, timeout=60, check=True)
    assert torn.read_bytes() == whole.read_bytes()


def test_rows_of_another_model_and_other_names_are_refused(tiny_bundle, archive, tmp_path, monkeypatch, capsys):
    status, _, errors = run(monkeypatch, capsys, tiny_bundle.path, archive, "--out", tmp_path / "rows.csv")
    assert status == 2
    assert ".parquet or .jsonl" in errors[0]
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"file": "x", "model": "another@1"}) + "\n")
    status, _, errors = run(monkeypatch, capsys, tiny_bundle.path, archive, "--out", other)
    assert status == 2
    assert "another@1" in errors[0]
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text("no rows\n")
    status, _, errors = run(monkeypatch, capsys, tiny_bundle.path, archive, "--out", foreign)
    assert (status, len(errors)) == (2, 1)
    assert foreign.read_text() == "no rows\n"
    (tmp_path / "nothing").mkdir()
    status, _, errors = run(monkeypatch, capsys, tiny_bundle.path, tmp_path / "nothing", "--out", tmp_path / "r.jsonl")
    assert (status, len(errors)) == (2, 1)


def test_an_engine_that_cannot_run_the_model_ends_the_run(tiny_bundle, archive, tmp_path, monkeypatch, capsys):
    status, _, errors = run(
        monkeypatch, capsys, tiny_bundle.path, archive, "--out", tmp_path / "r.jsonl", "--backend", "no-such-engine"
    )
    assert status == 2
    assert "no-such-engine" in errors[0]


def test_a_session_and_a_dicom_cine_are_recordings_like_others(tiny_bundle, tmp_path):
    pydicom = pytest.importorskip("pydicom", reason="the extra 'archive' (pydicom) is not installed")
    cine = Path(pydicom.data.get_testdata_file("examples_ybr_color.dcm"))
    session = tmp_path / "sessions"
    command = ["record", session, "--source", "phantom:1,seconds=1,size=320x240", "--lockstep", "--json"]
    recorded = subprocess.run([SONOCUE, *command], capture_output=True, text=True, timeout=60, check=True)
    folder = Path(json.loads(recorded.stdout)["session"])
    assert [kind_of(path) for path in (folder, cine)] == ["session", "dicom"]
    assert recordings([session, cine, folder]) == [folder, cine]
    assert length_s(folder) == pytest.approx(1, abs=0.1)
    shown = [frame for frame, _ in frames(cine)]
    assert len(shown) == 30
    assert all(isinstance(frame, Frame) and frame.pixels.shape == (240, 320, 3) for frame in shown)
    assert {crop for _, crop in frames(folder)} != {None}
    done = []
    judge = Judge(tiny_bundle, ("openvino", "onnxruntime"))
    judge_all([folder, cine], judge, 2, done.append, lambda _file, _time_s: None)
    counts = {outcome.file: len(outcome.rows) for outcome in done}
    assert counts == {folder: 31, cine: 30} or counts == {folder: 30, cine: 30}


def test_screens_that_show_no_b_mode_abstain_by_name(tiny_bundle, tmp_path):
    pydicom = pytest.importorskip("pydicom", reason="the extra 'archive' (pydicom) is not installed")
    doppler = Path(pydicom.data.get_testdata_file("examples_jpeg2k.dcm"))
    for watch_screen, expected in ((True, "colour Doppler"), (False, None)):
        done = []
        judge = Judge(tiny_bundle, ("openvino", "onnxruntime"), watch_screen)
        judge_all([doppler], judge, 1, done.append, lambda _file, _time_s: None)
        (row,) = done[0].rows
        assert row["abstention"] in (expected, None if watch_screen else "low confidence")
        assert (row["plane"] is None) or not watch_screen


def test_the_peak_of_a_gaze_map_stands_in_pixels_of_the_image():
    logits = np.zeros((4, 5), np.float32)
    logits[1, 3] = 2
    assert gaze_peak_px(logits, (100, 200, 140, 300)) == (269.5, 114.5)
    assert gaze_peak_px(np.full((4, 5), np.nan, np.float32), (0, 0, 4, 5)) is None


@pytest.mark.timeout(600)  # to start Ray takes a minute and more on a busy machine
def test_on_a_cluster_the_rows_are_the_same(tiny_bundle, archive, tmp_path, monkeypatch, capsys):
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    run(monkeypatch, capsys, tiny_bundle.path, archive, tmp_path / "gone.mp4", "--out", here)
    status, summary, _ = run(
        monkeypatch, capsys, tiny_bundle.path, archive, tmp_path / "gone.mp4", "--out", there, "--ray", "local"
    )
    assert status == 2
    assert [Path(file).name for file in summary["failed"]] == ["gone.mp4"]
    assert there.read_bytes() == here.read_bytes()

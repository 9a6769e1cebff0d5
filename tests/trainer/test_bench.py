"""``sonocue bench train``: its figures are of real steps, and waiting is noticed where there is waiting."""

import json
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from tests.trainer.drawn import config
from trainer import bench_scans
from trainer.bench import Timing, measure_training, variants
from trainer.source_tables import read_gaze

SONOCUE = Path(sys.executable).with_name("sonocue")


def bench(*arguments):
    """In a process of its own: how torch's threads wait is settled when it is loaded."""
    return subprocess.run([SONOCUE, "bench", *arguments], capture_output=True, text=True, timeout=250)


def test_a_step_that_waits_for_its_data_is_noticed():
    def slow():
        while True:
            time.sleep(0.03)
            yield 8

    def step(samples):
        time.sleep(0.01)
        return samples

    timing = Timing()
    timing.take(slow(), step, 4)
    assert 0.6 < timing.wait_share < 0.9
    assert timing.samples == 32
    assert timing.samples_per_s == pytest.approx(32 / (timing.waited_s + timing.worked_s))


def test_variants_change_one_thing_at_a_time():
    asked = variants(config(threads=2), 4)
    first = asked[0]
    assert (first.threads, first.precision, first.channels_last) == (2, "float32", True)
    for other in asked[1:]:
        changed = [other.threads != 2, other.precision != "float32", not other.channels_last]
        assert sum(changed) == 1
    assert sorted(variant.threads for variant in asked) == [1, 2, 2, 2, 4]
    assert {variant.threads for variant in variants(config(threads=1), 1)} == {1}


@pytest.mark.timeout(300)
def test_the_command_measures_a_collection(on_disk, tmp_path):
    settings = tmp_path / "tiny.toml"
    settings.write_text(
        "threads = 1\n[data]\npaint_out = false\n"
        "height_px = 64\nwidth_px = 64\nclip_frames = 3\n[encoder]\nwidths = [8, 8, 8, 8]\n"
        "speech_widths = [8, 8, 8, 8]\nembedding = 16\ndecoder_channels = 8\n"
        "[pretrain]\nrecordings = 2\nwindows = 2\n[finetune]\nbatch = 8\nframes_per_epoch = 64\n"
    )
    done = bench("train", settings, "--sessions", on_disk.place.url, "--steps", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["decoded_times_real_time"] is None, "it was prepared before"
    for kind in ("pretrain", "finetune"):
        row = told["steps"][kind]
        assert 0 <= row["wait_share_ahead"] < 1 and 0 <= row["wait_share"] < 1
        assert min(row[name] for name in row if name.startswith("samples_per_s")) > 0
    assert told["variants"][0]["against_configured"] == 1.0
    assert told["fastest"] in {row["name"] for row in told["variants"]}
    assert told["peak_memory_mib"] > 50


def test_scans_that_are_made_are_decoded_and_learned_from(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_scans, "SECONDS", 5)
    small = config(pretrain={"epochs": 0}, finetune={"batch": 8, "frames_per_epoch": 64})
    told = []
    found = measure_training(small, None, tmp_path, 1, told.append)
    assert found.decoded_times_real_time > 0
    assert found.steps.keys() == {"finetune"}
    assert told[:2] == ["making scans", "decoding"]
    with av.open(str(tmp_path / "scans" / "scan-0.mp4")) as container:
        assert container.streams.video[0].frames == 150
        assert container.streams.video[0].width == 640
    assert len(read_gaze(tmp_path / "scans" / "scan-0.gaze.csv")) == 50


def test_the_list_of_benches_holds_what_rooms_bring():
    listed = bench("--help")
    assert listed.returncode == 0
    assert "Measure training" in listed.stdout

"""``sonocue live`` and ``sonocue replay`` on real files, as a user runs them."""

import json
import signal
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest

from assistant.model_contracts import ModelBundle
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.speech import speech_segments
from tests.sonocue_command import finish, run_sonocue, start_sonocue, summary_of, wait_for_frames

FIELDS = {"captured", "recorded", "guided", "skipped", "lost", "latency_ms", "planes"}


def test_live_from_a_file_is_paced_recorded_whole_and_guided(
    data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    cine = data_dir / "us_video" / "clarius-ocular-short.mp4"
    summary = summary_of(
        "live", "--source", f"file:{cine}", "--model", tiny_bundle.path, "--headless", folder=tmp_path
    )  # fmt: skip
    assert summary.keys() >= FIELDS
    assert summary["captured"] == summary["recorded"] == 50
    assert summary["lost"] == 0
    assert summary["guided"] + summary["skipped"] == 50
    assert summary["guided"] > 0
    assert summary["latency_ms"].keys() == {"p50", "p95", "p99"}
    assert summary["planes"].keys() == {"abdomen", "femur"}
    assert any("software scanner" in notice for notice in summary["notices"]), (
        "a phantom's model says so on real images"
    )
    assert summary["fps"] < 27, "the file is paced by its time stamps, 25 a second"

    reader = SessionReader(tmp_path / summary["session"])
    assert reader.complete
    assert reader.frame_indices.tolist() == list(range(50))
    guided = [event.data["frame_index"] for event in reader.timeline("guidance")]
    assert len(guided) == summary["guided"]
    assert verify_session(tmp_path / summary["session"]) == []


def test_lockstep_infers_every_frame_and_replays_agree_bit_for_bit(
    data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    cine = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    model = ("--model", tiny_bundle.path)
    live = summary_of(
        "live", "--source", f"file:{cine}", *model, "--headless", "--lockstep", "--lossless", "--seconds", 8,
        "--decisions", tmp_path / "live.jsonl", folder=tmp_path,
    )  # fmt: skip
    assert live["captured"] == live["guided"] == live["recorded"] > 90
    assert live["skipped"] == live["lost"] == 0
    for name in ("once", "twice"):
        replayed = summary_of(
            "replay", live["session"], *model, "--headless", "--decisions", f"{name}.jsonl", folder=tmp_path
        )
        assert replayed["guided"] == replayed["captured"] == live["captured"]
        assert replayed["recorded"] == 0
    once = (tmp_path / "once.jsonl").read_bytes()
    assert once == (tmp_path / "twice.jsonl").read_bytes()

    def decided(text: bytes) -> list[tuple[object, ...]]:
        lines = [json.loads(line) for line in text.splitlines()]
        return [(line["plane"], line["confidence"], line["gaze_sha256"]) for line in lines]

    assert decided(once) == decided((tmp_path / "live.jsonl").read_bytes()), "lossless pixels decide as they did live"
    assert len(once.splitlines()) == live["captured"]


@pytest.mark.parametrize("name", ["day1_she_065.avi", "day2_see_157.avi", "70ms-003_cal_dark_theme.mp4"])
def test_live_on_real_ultrasound_with_speech(
    name: str, data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    """Image and sound of one file: both are recorded, in step, and the speech is where it was spoken."""
    film = data_dir / "tal_tongue_speech" / name
    summary = summary_of("live", "--source", f"file:{film}", "--model", tiny_bundle.path, "--headless", folder=tmp_path)
    assert summary["lost"] == 0
    assert summary["captured"] == summary["recorded"]
    reader = SessionReader(tmp_path / summary["session"])
    sound = reader.sound()
    assert sound is not None
    video_s = (reader.frame_times_ns[-1] - reader.frame_times_ns[0]) / 1e9
    assert len(sound.samples) / sound.sample_rate_hz == pytest.approx(video_s, abs=0.2)
    assert abs(sound.start_ns - reader.frame_times_ns[0]) < 100e6

    import av

    with av.open(str(film)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono")
        blocks = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        rate_hz = container.streams.audio[0].rate
    spoken = speech_segments(np.concatenate(blocks), rate_hz)
    heard = speech_segments(sound.samples, sound.sample_rate_hz)
    assert len(heard) == len(spoken) > 0
    np.testing.assert_allclose(heard, spoken, atol=0.15)


def test_ctrl_c_closes_the_session(data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    cine = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    process = start_sonocue(
        "live", "--source", f"file:{cine}", "--model", tiny_bundle.path, "--headless", "--json", folder=tmp_path
    )
    wait_for_frames(tmp_path / "recordings", at_least=10)
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert status == 0, err
    summary = json.loads(out)
    assert "Traceback" not in err
    assert 10 <= summary["captured"] < 369
    assert summary["recorded"] == summary["captured"]
    reader = SessionReader(tmp_path / summary["session"])
    assert reader.complete
    assert verify_session(tmp_path / summary["session"]) == []


def silent_wave(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(32000))


@pytest.fixture
def bad_input(tmp_path: Path, tiny_bundle: ModelBundle) -> Path:
    """A folder with every kind of input that must be refused, and a good image."""
    import shutil

    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is no film.\n" * 200)
    silent_wave(tmp_path / "sound_only.wav")
    (tmp_path / "empty_model").mkdir()
    shutil.copytree(tiny_bundle.path, tmp_path / "altered_model")
    card = tmp_path / "altered_model" / "docs" / "README.md"
    card.write_text(card.read_text() + "altered")
    shutil.copytree(tiny_bundle.path, tmp_path / "good_model")
    (tmp_path / "unknown_key.toml").write_text("sauce = 'file:good.png'\n")
    (tmp_path / "not.toml").write_text("[[[")
    (tmp_path / "out_of_range.toml").write_text("max_guidance_age_ms = 4000\n")
    cv2.imwrite(str(tmp_path / "good.png"), np.full((48, 64), 100, dtype=np.uint8))
    return tmp_path


MODEL = ("--model", "good_model")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("live", "--source", "file:missing.mp4", *MODEL), "missing.mp4"),
        (("live", "--source", "file:empty.mp4", *MODEL), "empty.mp4"),
        (("live", "--source", "file:text.mp4", *MODEL), "text.mp4"),
        (("live", "--source", "file:sound_only.wav", *MODEL), "sound_only.wav"),
        (("live", "--source", "file:good.png", "--model", "no_model"), "no_model"),
        (("live", "--source", "file:good.png", "--model", "empty_model"), "empty_model"),
        (("live", "--source", "file:good.png", "--model", "altered_model"), "README.md"),
        (("live", "--source", "file:good.png", "--config", "unknown_key.toml"), "sauce"),
        (("live", "--source", "file:good.png", "--config", "not.toml"), "not.toml"),
        (("live", "--source", "file:good.png", "--config", "no.toml"), "no.toml"),
        (("live", "--source", "file:good.png", "--config", "out_of_range.toml"), "max_guidance_age_ms"),
        (("live", "--source", "crystal-ball:1", *MODEL), "crystal-ball"),
        (("live", "--source", "file:good.png", *MODEL, "--backend", "abacus"), "abacus"),
        (("live", "--source", "file:good.png", *MODEL, "--microphone", "sounddevice"), "--consent"),
        (("live", "--source", "file:good.png", *MODEL, "--subject", "Jane Doe"), "subject"),
        (("live", "--source", "file:good.png", *MODEL, "--decisions", "no/such/folder.jsonl"), "folder.jsonl"),
        (("replay", "no_session", *MODEL), "no_session"),
        (("replay", "empty_model", *MODEL), "empty_model"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_input_is_one_clear_line(arguments: tuple[str, ...], says: str, bad_input: Path) -> None:
    before = sorted(bad_input.rglob("*"))
    status, out, err = run_sonocue(*arguments, "--headless", "--json", folder=bad_input)
    assert status == 2, err
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert err.startswith("sonocue: ")
    assert says in err
    assert sorted(bad_input.rglob("*")) == before, "nothing half-written is left behind"

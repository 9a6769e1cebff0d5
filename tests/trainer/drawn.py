"""Recordings drawn as arrays: a bar for each plane, a band of the spectrogram for each word, and a small network."""

import numpy as np

from assistant.class_list import load_class_list
from trainer.config import TrainConfig
from trainer.recordings import Recording

SECONDS, EPISODE_S, FRAMES_HZ = 96, 6, 2
CLASSES = load_class_list()
PLANES = ("abdomen", "femur", "profile", "background")


def config(**changes):
    settings = {
        "threads": 1,
        "data": {
            "height_px": 32,
            "width_px": 32,
            "frames_hz": FRAMES_HZ,
            "clip_frames": 2,
            "clip_s": 1.0,
            "window_step_s": 1.5,
        },
        "encoder": {
            "widths": [16, 16, 24, 32],
            "speech_widths": [8, 16, 24, 32],
            "embedding": 16,
            "decoder_channels": 16,
        },
        "pretrain": {"epochs": 6, "recordings": 4, "windows": 6, "learning_rate": 6e-3},
        "finetune": {"epochs": 4, "frames_per_epoch": 512, "batch": 32, "learning_rate": 1e-2},
    }
    for section, values in changes.items():
        settings[section] = {**settings.get(section, {}), **values} if isinstance(values, dict) else values
    return TrainConfig.model_validate(settings)


def recording(seed, relevant_share, draw_bar):
    """Episodes of a plane each. Its speech is a band of the spectrogram that names the plane, or another's band."""
    rng = np.random.default_rng(seed)
    episodes = [p for _ in range(SECONDS // EPISODE_S // 4) for p in rng.permutation(PLANES)]
    n = SECONDS * FRAMES_HZ
    times_s = np.arange(n) / FRAMES_HZ
    of_frame = [str(episodes[int(t) // EPISODE_S]) for t in times_s]
    drawn = [draw_bar(plane, rng, size=(32, 32)) for plane in of_frame]
    mel = rng.normal(-16, 1, (64, SECONDS * 100)).astype(np.float32)
    utterances = []
    for number, plane in enumerate(episodes):
        relevant = rng.random() < relevant_share
        said = PLANES.index(plane) if relevant else int(rng.integers(len(PLANES)))
        start_s, end_s = number * EPISODE_S, (number + 1) * EPISODE_S
        syllables = np.arange(start_s * 100, end_s * 100) // 12 % 2  # what never changes is no speech
        mel[said * 16 : said * 16 + 16, start_s * 100 : end_s * 100] += 9 * syllables
        utterances.append((start_s, end_s, float(relevant)))
    return Recording(
        session_id=f"s{seed}",
        subject=f"p{seed}",
        origin="phantom",
        crop=(0.0, 0.0, 1.0, 1.0),
        frames=np.stack([image for image, _, _ in drawn]),
        times_s=times_s,
        labels=np.array([CLASSES.classes.index(plane) for plane in of_frame]),
        gaze_s=times_s,
        gaze_xy=np.clip([[(x + 0.5) / 32, (y + 0.5) / 32] for _, x, y in drawn], 0, 0.99),
        log_mel=mel,
        log_mel_s=0.0125,
        speech_s=np.arange(SECONDS * 31) * 0.032,
        speech=np.ones(SECONDS * 31, np.float32),
        utterances=np.array(utterances),
    )

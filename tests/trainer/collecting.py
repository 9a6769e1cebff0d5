"""Preparing collections in tests: settings, and a call that keeps what was told."""

from trainer.config import DataConfig, TrainConfig
from trainer.prepare import prepare

CONFIG = DataConfig(paint_out=False, height_px=64, width_px=64, clip_frames=3)
SETTINGS = TrainConfig(data=CONFIG)


def prepared(sessions, url, **more):
    told = []
    collection = prepare(sessions, str(url), SETTINGS, lambda done, total, line: told.append(line), **more)
    return collection, told

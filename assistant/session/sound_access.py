"""The sound of a session from any moment on, for whoever listens to a recording. One thread iterates."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.error import FFmpegError

from assistant.contracts import Float32Array
from assistant.errors import SessionError
from assistant.session.reader import SessionReader


def sound_from(reader: SessionReader, start_ns: int) -> Iterator[Float32Array]:
    """Yield ``(n,)`` float32 from ``start_ns`` (session's clock) on; what was not recorded is silence.

    The containers' time stamps place the sound, as any player does: true to a millisecond.

    Raises:
        SessionError: a file is missing or damaged.
    """
    rate_hz = reader.manifest.sample_rate_hz
    if rate_hz == 0:
        return
    next_ns = start_ns
    with_sound = [segment for segment in reader.manifest.segments if segment.sound_codec is not None]
    for segment, following in zip(with_sound, [*with_sound[1:], None], strict=True):
        if following is not None and following.start_ns <= start_ns:
            continue
        path = reader.path / segment.file
        try:
            with av.open(str(path)) as container:
                stream = container.streams.audio[0]
                from_ms = (start_ns - segment.start_ns) // 1_000_000
                if from_ms > 0:
                    container.seek(from_ms * 1000)  # in microseconds; lands on the keyframe before
                for block in container.decode(stream):
                    begins_ns = segment.start_ns + round((block.time or 0.0) * 1e9)
                    samples = _as_float(block)
                    missing = round((begins_ns - next_ns) * rate_hz / 1e9)
                    if missing < 0 and -missing > rate_hz // 500:  # 2 ms: more than the time stamps' rounding
                        samples = samples[-missing:]
                    if len(samples) == 0:
                        continue
                    while missing > rate_hz // 500:
                        silence = min(missing, rate_hz)
                        yield np.zeros(silence, np.float32)
                        next_ns += silence * 1_000_000_000 // rate_hz
                        missing -= silence
                    yield samples
                    next_ns += len(samples) * 1_000_000_000 // rate_hz
        except (OSError, FFmpegError, IndexError) as error:
            raise SessionError(f"'{path}' cannot be read: {error}") from error


def _as_float(block: av.AudioFrame) -> Float32Array:
    samples = block.to_ndarray().reshape(-1)
    if samples.dtype == np.int16:
        return np.asarray(samples.astype(np.float32) / np.float32(32768.0))
    return samples.astype(np.float32)

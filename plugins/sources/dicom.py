"""A DICOM cine as a device (``dicom:FILE``): its image, or its images in their own time, without sound.

The file's own ultrasound region becomes the sector, so that the network sees what it was trained on. Who the patient is
is not read. One thread reads; an image is decoded on it when it is asked for.
"""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset

from assistant import dicom_image
from assistant.contracts import Clock, DeviceInfo, Frame, StreamItem, StreamKind
from assistant.errors import EndOfStream, SourceError
from assistant.playback import MediaStream, Playback


def create(argument: str, *, paced: bool) -> DicomCine:
    """The device for ``dicom:PATH``. Touches no file yet."""
    return DicomCine(Path(argument), paced=paced)


class DicomCine:
    """See the module."""

    needs_consent = False

    def __init__(self, path: Path, *, paced: bool) -> None:
        self._path = path
        self._paced = paced
        self._playback: Playback | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""
        try:
            return self._open(clock)
        except dicom_image.UNREADABLE as error:
            raise SourceError(f"dicom '{self._path}' is damaged: {error}") from error

    def _open(self, clock: Clock) -> DeviceInfo:
        header = dicom_image.read_header(self._path)
        times_s = dicom_image.frame_times_s(header, self._path)
        dicom_image.check_coding(header, self._path)
        times_ns = [round(time_s * 1e9) for time_s in times_s]
        playback = Playback({"video": self._frames(header, times_ns)}, clock, paced=self._paced)
        first = playback.first("video")
        if not isinstance(first, Frame):
            playback.close()
            raise SourceError(f"dicom '{self._path}' holds no image")
        self._playback = playback
        crop, notes = dicom_image.sector(header)
        return DeviceInfo(
            name=f"dicom: {self._path.name}",
            streams=frozenset({"video"}),
            width_px=first.width_px,
            height_px=first.height_px,
            fps=round((len(times_ns) - 1) * 1e9 / max(times_ns[-1] - times_ns[0], 1), 3),
            paced=self._paced,
            sector_crop=crop,
            notes={
                "transfer_syntax": header.file_meta.TransferSyntaxUID.name,
                "photometric_interpretation": str(header.PhotometricInterpretation),
                **({"remark": "; ".join(notes)} if notes else {}),
            },
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        if self._playback is None:
            raise EndOfStream
        return self._playback.read(stream, timeout_s)

    def close(self) -> None:
        """See ``contracts.Device.close``."""
        if self._playback is not None:
            self._playback.close()

    def _frames(self, header: Dataset, times_ns: list[int]) -> MediaStream:
        decoded = dicom_image.images(header, list(range(len(times_ns))))
        for index, time_ns in enumerate(times_ns):
            try:
                pixels = next(decoded)
            except StopIteration:
                raise SourceError(
                    f"dicom '{self._path}' is torn: expected {len(times_ns)} images, got {index}"
                ) from None
            except dicom_image.UNREADABLE as error:
                reason = " ".join(str(error).split())
                raise SourceError(f"dicom '{self._path}': image {index} cannot be decoded: {reason}") from error
            yield Frame(index, time_ns, pixels)

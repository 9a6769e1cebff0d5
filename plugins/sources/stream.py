"""A network stream as a device (``stream:URL``): grabbers, scanners and other programs that send what FFmpeg reads.

- ``tcp://HOST:PORT`` calls a sender; with ``?listen=1`` it waits for the sender's call.
- ``rtsp://HOST:PORT/PATH`` calls a server; with ``?listen=1`` it waits for a sender that announces itself.
- ``udp://HOST:PORT`` takes what arrives there.
- ``srt://HOST:PORT`` calls a sender, where FFmpeg was built with SRT (the wheels of PyAV are not).

``tcp`` and ``udp`` carry MPEG-TS, Matroska or NUT. Whoever waits (``listen=1``, and ``udp`` always) names the
interface: ``127.0.0.1`` for this machine alone; ``0.0.0.0``, where the whole network may send, only when it is written.

What is lost: over ``tcp`` and ``rtsp`` (RTP inside TCP) every frame arrives, also after a pause of the sender. Over
``udp`` a full socket buffer or the network may drop packets; pictures that are missing or damaged are not delivered,
and the index says so. What this machine itself dropped is counted, and told as an event ``packets lost``. UDP has no
end either: ``read`` just gives nothing more, and what the receiver holds back (see below) stays there. FFmpeg's
``nobuffer`` is not used: it throws away what was read to learn the format, and with it every picture until the next
keyframe. Without it they come as one burst at the opening; nothing is late afterwards.

What is late: MPEG-TS tells the end of a picture only by the beginning of the next, and the decoder's parser asks for
that again, so a picture waits for two more (80 ms at 25 fps; for one when ffmpeg sends with
``-omit_video_pes_length 0``). NUT and RTSP wait for none, and NUT over ``tcp`` is the quickest. ``captured_ns`` is the
arrival of what a picture waited for.

One thread of the device receives and decodes into a bounded queue for each stream (what is not read in time gives way
to what is newer, and the gap tells). Pictures become pixels on the thread that reads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import ExitError, FFmpegError, InvalidDataError, ProtocolNotFoundError
from av.stream import Stream
from av.video.stream import VideoStream

from assistant.arrival import Lane, MediaClock
from assistant.contracts import AudioBlock, Clock, DeviceInfo, Frame, StreamItem, StreamKind, TimelineEvent
from assistant.datagrams import SOCKET_BUFFER_BYTES, DatagramReader
from assistant.decoded import to_mono, to_pixels
from assistant.errors import EndOfStream, SourceError
from assistant.network import LOOK_UP_S, Address, SocketReader, parse_address

OPEN_TIMEOUT_S: Final = 8.0
SETTLE_S: Final = 0.1  # the burst of the opening has come by then
MIN_STEP_NS: Final = 1_000_000  # between items of a stream; a decoder's last pictures come out all at once
SOUND_GAP_NS: Final = 50_000_000  # a step in the sound's timestamps above this is missing sound
QUEUED_FRAMES: Final = 64
QUEUED_BLOCKS: Final = 512
QUEUED_EVENTS: Final = 64
TELL_LOSS_NS: Final = 500_000_000  # a storm of lost packets is one event each half second

_OPTIONS: Final = {
    "probesize": "5000000",  # bytes; a limit only: the first keyframe must fit
    "analyzeduration": "200000",  # microseconds
}
_NO_PLAYLISTS: Final = {"format_whitelist": "mpegts,matroska,webm,nut"}  # they would make us open what they name


def create(argument: str, *, paced: bool) -> StreamDevice:
    """The device for ``stream:URL``. Raises ``SourceError`` when nothing can be received from there."""
    if not paced:
        raise SourceError("a network stream only runs live: it cannot be read in lock-step; record it, then replay it")
    return StreamDevice(parse_address(argument))


class StreamDevice:
    """See the module. ``captured_ns`` is the arrival, freed of the network's jitter (see ``MediaClock``)."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._closed = threading.Event()
        self._pictures: Lane[_Picture] = Lane(QUEUED_FRAMES)
        self._blocks: Lane[AudioBlock] = Lane(QUEUED_BLOCKS)
        self._events: Lane[TimelineEvent] = Lane(QUEUED_EVENTS)
        self._datagrams: DatagramReader | None = None
        self._has_sound = False
        self._thread: threading.Thread | None = None

    @property
    def needs_consent(self) -> bool:
        """Its sound track, known once it is open, may come from a microphone in the room."""
        return self._has_sound

    def open(self, clock: Clock) -> DeviceInfo:
        """Wait a few seconds for the sender and its first picture. See ``contracts.Device.open``."""
        container = self._connect()
        video, sound = next(iter(container.streams.video), None), next(iter(container.streams.audio), None)
        if video is None or video.codec_context is None:  # in a coding that FFmpeg does not know
            container.close()
            self.close()
            raise SourceError(f"stream '{self._address.name}': expected video, got {'only sound' if sound else 'none'}")
        video.thread_type = "NONE"  # the decoder's threads would hold frames back
        self._has_sound = sound is not None
        reception = _Reception(clock, video, sound, self._pictures, self._blocks)
        receive = (container, reception, clock)
        self._thread = threading.Thread(target=self._receive, args=receive, name="receive stream", daemon=True)
        self._thread.start()
        reception.began.wait(OPEN_TIMEOUT_S)
        if reception.size_px is None:
            self.close()
            raise SourceError(f"stream '{self._address.name}': no picture came that can be decoded")
        streams: list[StreamKind] = ["video"]
        if sound is not None:
            streams.append("sound")
        if self._datagrams is not None:
            streams.append("events")
        return DeviceInfo(
            name=f"stream: {self._address.name}",
            streams=frozenset(streams),
            width_px=reception.size_px[0],
            height_px=reception.size_px[1],
            fps=reception.fps,
            sample_rate_hz=sound.rate if sound else 0,
            notes={"codec": video.codec_context.name, "format": container.format.name}
            | self._buffer_notes()
            | ({"listens": f"{self._address.host}:{self._address.port}"} if self._address.waits else {}),
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        if stream == "sound" and self._has_sound:
            return self._blocks.take(timeout_s)
        if stream == "events" and self._datagrams is not None:
            return self._events.take(timeout_s)
        if stream != "video" or self._thread is None:
            raise EndOfStream
        picture = self._pictures.take(timeout_s)
        if picture is None:
            return None
        return Frame(picture.index, picture.captured_ns, to_pixels(picture.decoded), picture.stream)

    def close(self) -> None:
        """See ``contracts.Device.close``."""
        self._closed.set()
        self._pictures.end(now=True)
        self._blocks.end(now=True)
        self._events.end(now=True)
        if self._thread is not None:
            self._thread.join(10 * LOOK_UP_S)
        if self._datagrams is not None:
            self._datagrams.close()

    def _buffer_notes(self) -> dict[str, str | int]:
        """What the system grants a UDP socket, and what to do when that is less than was asked for."""
        if self._datagrams is None:
            return {}
        granted = self._datagrams.granted_bytes
        notes: dict[str, str | int] = {"receive_buffer_bytes": granted}
        if granted < SOCKET_BUFFER_BYTES:
            notes["receive_buffer"] = (
                f"{granted} bytes of {SOCKET_BUFFER_BYTES} granted: packets may be lost; "
                f"sysctl -w net.core.rmem_max={SOCKET_BUFFER_BYTES}"
            )
        return notes

    def _connect(self) -> InputContainer:
        address = self._address
        try:
            if address.scheme in ("tcp", "udp"):
                reader: SocketReader | DatagramReader
                if address.scheme == "udp":
                    reader = self._datagrams = DatagramReader(address, self._closed, OPEN_TIMEOUT_S)
                else:
                    reader = SocketReader(address, self._closed, OPEN_TIMEOUT_S)
                try:
                    return av.open(
                        reader,
                        "r",
                        options={**_OPTIONS, **_NO_PLAYLISTS},
                        buffer_size=1 << 16,
                        metadata_errors="replace",
                    )
                except BaseException:
                    reader.close()
                    raise
            options = {**_OPTIONS, "rtsp_transport": "tcp"} if address.scheme == "rtsp" else dict(_OPTIONS)
            if address.scheme == "rtsp" and address.waits:
                options |= {"rtsp_flags": "listen", "listen_timeout": str(round(OPEN_TIMEOUT_S))}
            return av.open(
                address.url, "r", options=options, timeout=(OPEN_TIMEOUT_S, LOOK_UP_S), metadata_errors="replace"
            )
        except (TimeoutError, ExitError) as error:
            who = "nothing came" if address.waits else "nobody answered"
            raise SourceError(
                f"stream '{address.name}': {who} within {OPEN_TIMEOUT_S:.0f} s: is the sender running?"
            ) from error
        except ProtocolNotFoundError as error:
            raise SourceError(f"stream '{address.name}': this FFmpeg was built without {address.scheme}") from error
        except InvalidDataError as error:
            raise SourceError(
                f"stream '{address.name}': expected video in MPEG-TS, Matroska or NUT, got something else"
            ) from error
        except (OSError, FFmpegError) as error:  # some of FFmpeg's are no OSError
            reason = getattr(error, "strerror", None) or error
            raise SourceError(f"stream '{address.name}' cannot be opened: {reason}") from error

    def _receive(self, container: InputContainer, reception: _Reception, clock: Clock) -> None:
        """The device's thread, from the first packet to the last."""
        failure, told, told_ns = "", 0, 0
        try:
            for packet in self._packets(container, reception):
                reception.take(packet)
                lost, now_ns = self._datagrams.lost if self._datagrams else 0, clock.now_ns()
                if lost > told and now_ns - told_ns >= TELL_LOSS_NS:
                    self._events.put(TimelineEvent(now_ns, "event", {"event": "packets lost", "packets": lost - told}))
                    told, told_ns = lost, now_ns
        except (OSError, FFmpegError) as error:
            failure = f"stream '{self._address.name}' broke off: {getattr(error, 'strerror', None) or error}"
        except Exception as error:  # noqa: BLE001 - a worker's loop: `read` tells what it met
            failure = f"stream '{self._address.name}' failed: {error!r}"
        finally:
            reception.settle()
            container.close()
            self._pictures.end(failure)
            self._blocks.end(failure)
            self._events.end()
            if self._datagrams is not None:
                self._datagrams.close()
            reception.began.set()

    def _packets(self, container: InputContainer, reception: _Reception) -> Iterator[av.Packet[Stream]]:
        """All packets until the sender ends or the device is closed, and at the end those that empty the decoders."""
        while not self._closed.is_set():
            try:
                yield from container.demux(reception.tracks)
                return
            except ExitError:
                continue  # nothing came for LOOK_UP_S: FFmpeg's own protocols go on where they stopped


@dataclass(frozen=True, slots=True)
class _Picture:
    """A frame whose pixels are still the decoder's. See ``contracts.Frame``."""

    index: int
    captured_ns: int
    decoded: av.VideoFrame
    stream: int


@dataclass(slots=True)
class _Arrival:
    """A decoded picture or piece of sound.

    Attributes:
        decoded: what the decoder gave.
        sent_ns: its time by the sender's clock; None when the sender gave none (RTSP: the first picture).
        generation: of the stream's size, for a picture.
        damaged: pictures before this one may be missing, since the last keyframe.
    """

    decoded: av.VideoFrame | av.AudioFrame
    sent_ns: int | None
    generation: int = 0
    damaged: bool = False


class _Reception:
    """Turns packets into numbered and timed items. Used by the receiving thread.

    What arrives within ``SETTLE_S`` is kept back: it comes in one burst, and only its last items tell how the sender's
    clock stands to ours.
    """

    def __init__(
        self,
        clock: Clock,
        video: VideoStream,
        sound: AudioStream | None,
        pictures: Lane[_Picture],
        blocks: Lane[AudioBlock],
    ) -> None:
        self.tracks = [video] if sound is None else [video, sound]
        self.fps = float(video.average_rate or video.guessed_rate or 0)
        self.size_px: tuple[int, int] | None = None  # width, height of the newest picture
        self.began = threading.Event()  # the first picture was decoded, or none will be
        self._clock = clock
        self._period_ns = round(1e9 / (self.fps or 25.0))
        self._media = MediaClock()
        self._pictures, self._blocks = pictures, blocks
        self._held: list[_Arrival] | None = []
        self._held_until_s = time.monotonic() + SETTLE_S
        self._damaged = False
        self._index = -1
        self._generation = 0
        self._picture_sent_ns = self._picture_captured_ns = 0
        self._sound_start_ns: int | None = None  # sender's time of the first sample
        self._next_sample = 0
        self._block_captured_ns = 0

    def take(self, packet: av.Packet[Stream]) -> None:
        """Decode what has just been received."""
        arrived_ns = self._clock.now_ns()
        is_video = packet.stream.type == "video"
        is_damaged = packet.is_corrupt
        try:
            decoded = packet.decode()
        except FFmpegError:  # invalid data, most of all
            decoded, is_damaged = [], True
        self._damaged |= is_video and is_damaged
        for item in decoded:
            if not isinstance(item, av.VideoFrame | av.AudioFrame):
                continue
            arrival = _Arrival(item, _sent_ns(item))
            if isinstance(item, av.VideoFrame):
                if item.is_corrupt:  # holes that the decoder painted over: not an image to look at
                    self._damaged = True
                    continue
                self._note_size(item)
                arrival.generation = self._generation
                arrival.damaged = self._damaged
                self._damaged &= not item.key_frame  # until then, more pictures may be missing
            if arrival.sent_ns is not None:
                self._media.arrived(arrival.sent_ns, arrived_ns)
            if self._held is None:
                self._deliver(arrival)
            else:
                self._held.append(arrival)
        # RTSP's first picture has no time: wait for one that has.
        may_settle = self._held is not None and (self._media.known or len(self._held) >= QUEUED_FRAMES)
        if may_settle and time.monotonic() >= self._held_until_s:
            self.settle()

    def settle(self) -> None:
        """Hand over what was kept back."""
        held, self._held = self._held or [], None
        if not self._media.known:  # a sender without times
            self._media.arrived(0, self._clock.now_ns())
        pictures = [arrival for arrival in held if isinstance(arrival.decoded, av.VideoFrame)]
        for earlier, later in reversed(list(pairwise(pictures))):
            if earlier.sent_ns is None and later.sent_ns is not None:
                earlier.sent_ns = later.sent_ns - self._period_ns
        for arrival in held:
            self._deliver(arrival)

    def _note_size(self, picture: av.VideoFrame) -> None:
        size_px = picture.width, picture.height
        self._generation += self.size_px is not None and self.size_px != size_px
        self.size_px = size_px
        self.began.set()

    def _deliver(self, arrival: _Arrival) -> None:
        if isinstance(arrival.decoded, av.VideoFrame):
            self._deliver_picture(arrival.decoded, arrival)
        else:
            self._deliver_sound(arrival.decoded, arrival.sent_ns)

    def _deliver_picture(self, decoded: av.VideoFrame, arrival: _Arrival) -> None:
        sent_ns = self._picture_sent_ns + self._period_ns if arrival.sent_ns is None else arrival.sent_ns
        steps = round((sent_ns - self._picture_sent_ns) / self._period_ns)
        self._index += max(1, steps) if arrival.damaged and self._index >= 0 else 1
        self._picture_sent_ns = sent_ns
        self._picture_captured_ns = max(self._picture_captured_ns + MIN_STEP_NS, self._media.captured_ns(sent_ns))
        self._pictures.put(_Picture(self._index, self._picture_captured_ns, decoded, arrival.generation))

    def _deliver_sound(self, decoded: av.AudioFrame, sent_ns: int | None) -> None:
        rate_hz, samples = decoded.sample_rate, to_mono(decoded)
        if self._sound_start_ns is None:
            self._sound_start_ns = sent_ns or 0
        expected_ns = self._sound_start_ns + self._next_sample * 1_000_000_000 // rate_hz
        sent_ns = expected_ns if sent_ns is None else sent_ns
        lost = sent_ns - expected_ns > SOUND_GAP_NS
        if lost:
            self._next_sample += (sent_ns - expected_ns) * rate_hz // 1_000_000_000
        self._block_captured_ns = max(self._block_captured_ns + MIN_STEP_NS, self._media.captured_ns(sent_ns))
        self._blocks.put(AudioBlock(self._next_sample, self._block_captured_ns, rate_hz, samples, overflowed=lost))
        self._next_sample += len(samples)


def _sent_ns(decoded: av.VideoFrame | av.AudioFrame) -> int | None:
    stamp = decoded.pts if decoded.pts is not None else decoded.dts
    return None if stamp is None or decoded.time_base is None else int(stamp * decoded.time_base * 1_000_000_000)

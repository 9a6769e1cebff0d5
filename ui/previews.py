"""The looks at sources that the start page shows: begun, shown in their tiles, and closed together.

On Qt's main thread; each look has a thread of its own (``assistant/source_preview.py``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from assistant.source_preview import SourcePreview
from ui.engine_words import engine_says
from ui.source_tile import SourceTile
from ui.start_choices import preview_of
from ui.translation import decimal, translate

MOST = 5
CLOSE_S = 5.0
"""How long a run waits for the devices that it needs itself."""


class Previews:
    """At most ``MOST`` looks, of which several tiles may show the same; further tiles stay without a picture."""

    def __init__(self) -> None:
        self._looks: dict[str, SourcePreview] = {}
        self._closing: list[SourcePreview] = []
        self._other = ""

    def follow(self, tiles: Sequence[SourceTile]) -> None:
        """Look at what the tiles stand for, and no longer at anything else."""
        wanted = {looked_at: None for tile in tiles if (looked_at := self._looked_at(tile)) is not None}
        first = list(wanted)[:MOST]
        for spec in [spec for spec in self._looks if spec not in first]:
            self._end(spec)
        for spec in first:
            if spec not in self._looks:
                self._looks[spec] = SourcePreview(spec)

    def show_other(self, spec: str, tiles: Sequence[SourceTile]) -> None:
        """The tile without a source of its own stands for ``spec`` now."""
        self._other = spec
        tiles[-1].forget()
        self.follow(tiles)

    def show_in(self, tiles: Sequence[SourceTile]) -> None:
        """What the looks have seen, in their tiles."""
        for tile in tiles:
            look = self._looks.get(self._looked_at(tile) or "")
            if look is not None:
                tile.show_look(look.newest, _note(look), engine_says(look.problem))

    def close(self) -> None:
        """Ask all looks to end; returns at once."""
        for spec in list(self._looks):
            self._end(spec)

    def wait_closed(self) -> None:
        """Wait until the devices are free, or ``CLOSE_S`` have passed; not for Qt's thread while people look."""
        deadline = time.monotonic() + CLOSE_S
        for look in self._closing:
            look.wait(max(deadline - time.monotonic(), 0.0))
        self._closing = [look for look in self._closing if not look.wait(0.0)]

    def _looked_at(self, tile: SourceTile) -> str | None:
        spec = tile.spec or self._other
        return preview_of(spec) if spec else None

    def _end(self, spec: str) -> None:
        look = self._looks.pop(spec)
        look.close()
        self._closing.append(look)


def _note(look: SourcePreview) -> str:
    frame, info = look.newest, look.info
    if frame is None or info is None or look.source.startswith(("phantom:", "screen:")):
        return ""
    size = f"{frame.width_px}\N{MULTIPLICATION SIGN}{frame.height_px}"
    if not info.fps:
        return f"{size}, {info.name}"
    return translate("Start", "{size}, {fps} fps, {name}").format(name=info.name, size=size, fps=decimal(info.fps, 0))

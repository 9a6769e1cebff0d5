"""Reads a site's file of screens: which rectangles of a machine's screen may be recorded, and which never (TOML).

::

    [[screen]]
    name = "Voluson E8, room 3"
    size_px = [735, 975]                  # height, width of the captured image
    keep_px = [[75, 80, 735, 880]]        # top, left, bottom, right, half open
    hide_px = [[660, 800, 735, 880]]      # may be left out

A screen is known by its size. One that is not in the file is masked as ``auto`` does. Read once, on the main thread.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assistant.errors import ConfigError
from assistant.screen_layout import Mask

Edge = Annotated[int, Field(ge=0, le=1 << 15)]
Rectangle = tuple[Edge, Edge, Edge, Edge]


class _Screen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size_px: tuple[Annotated[int, Field(ge=1, le=1 << 15)], Annotated[int, Field(ge=1, le=1 << 15)]]
    keep_px: Annotated[tuple[Rectangle, ...], Field(min_length=1, max_length=64)]
    hide_px: Annotated[tuple[Rectangle, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _inside(self) -> Self:
        for top, left, bottom, right in (*self.keep_px, *self.hide_px):
            if not (top < bottom <= self.size_px[0] and left < right <= self.size_px[1]):
                raise ValueError(
                    f"{[top, left, bottom, right]} is no rectangle (top, left, bottom, right) of {self.size_px}"
                )
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    screen: Annotated[tuple[_Screen, ...], Field(min_length=1, max_length=256)]


class MaskLayouts:
    """The screens of a site."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ConfigError: it cannot be read, or is not what it should be.
        """
        try:
            screens = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).screen
        except OSError as error:
            raise ConfigError(f"screens '{path}' cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(
                f"screens '{path}': expected [[screen]] with size_px and keep_px: {_line(error)}"
            ) from error
        self._screens = {screen.size_px: screen for screen in screens}
        if len(self._screens) < len(screens):
            raise ConfigError(f"screens '{path}': two screens have one size: expected one, with the rectangles of both")
        self._masks: dict[tuple[int, int], Mask] = {}

    def kept(self, height_px: int, width_px: int) -> Mask | None:
        """``(H, W)`` uint8, 255 where pixels stay; None for a screen that is not in the file."""
        size = height_px, width_px
        screen = self._screens.get(size)
        if screen is None:
            return None
        if size not in self._masks:
            mask = np.zeros(size, np.uint8)
            for rectangles, value in ((screen.keep_px, 255), (screen.hide_px, 0)):
                for top, left, bottom, right in rectangles:
                    mask[top:bottom, left:right] = value
            self._masks[size] = mask
        return self._masks[size]


def _line(error: Exception) -> str:
    """The first problem, on one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())

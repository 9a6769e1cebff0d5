"""What Qt has no words for on X11: is there a compositor, and taking a window away while Qt's own thread hangs.

Without a compositor the server shows a half transparent window black where it is clear; it may come and go. Any thread.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from PyQt6.QtGui import QGuiApplication

_OWNER_AT = 8
"""Where the one 32-bit number stands in the replies to InternAtom and GetSelectionOwner (X11 protocol, section 9)."""


class XScreen:
    """A connection of its own to the X server. Elsewhere there always is a compositor, and nothing is taken away."""

    def __init__(self) -> None:
        self._xcb: ctypes.CDLL | None = None
        self._connection: ctypes.c_void_p | None = None
        self._atom = 0
        if QGuiApplication.platformName() == "xcb":
            self._connect()

    def composites(self) -> bool:
        """Whether half transparent windows let through what lies below, now. One question to the X server."""
        if QGuiApplication.platformName() != "xcb":
            return True
        return bool(self._atom) and self._ask("xcb_get_selection_owner", ctypes.c_uint32(self._atom)) != 0

    def take_away(self, windows: Iterable[int]) -> None:
        """Unmap windows by their numbers, at once."""
        if self._xcb is None or self._connection is None:
            return
        for window in windows:
            self._xcb.xcb_unmap_window(self._connection, ctypes.c_uint32(window))
        self._xcb.xcb_flush(self._connection)

    def close(self) -> None:
        """Leave the X server. Idempotent."""
        if self._xcb is not None and self._connection is not None:
            self._xcb.xcb_disconnect(self._connection)
        self._connection, self._atom = None, 0

    def _connect(self) -> None:
        """The manager of a screen's compositing owns the selection ``_NET_WM_CM_Sn`` (EWMH)."""
        xcb = ctypes.CDLL("libxcb.so.1")
        xcb.xcb_connect.restype = ctypes.c_void_p
        screen = ctypes.c_int()
        self._xcb = xcb
        self._connection = ctypes.c_void_p(xcb.xcb_connect(None, ctypes.byref(screen)))
        name = f"_NET_WM_CM_S{screen.value}".encode()
        self._atom = self._ask("xcb_intern_atom", ctypes.c_uint8(0), ctypes.c_uint16(len(name)), name)

    def _ask(self, request: str, *arguments: object) -> int:
        """The number in the reply; 0 when there is none."""
        xcb = self._xcb
        if xcb is None or self._connection is None:
            return 0
        getattr(xcb, request).restype = ctypes.c_uint32  # the cookie: a struct of one number
        reply_of = getattr(xcb, f"{request}_reply")
        reply_of.restype = ctypes.c_void_p
        cookie = ctypes.c_uint32(getattr(xcb, request)(self._connection, *arguments))
        reply = reply_of(self._connection, cookie, None)
        if not reply:
            return 0
        number = ctypes.c_uint32.from_address(reply + _OWNER_AT).value
        libc = ctypes.CDLL(None)
        libc.free(ctypes.c_void_p(reply))
        return int(number)

"""Keeps a window out of pictures of the screen, where the system can: Windows and macOS. On Qt's main thread.

**Never run on either.** X11 and Wayland have no such thing. What is set is read back; where it does not stand, the
answer is no, and then nothing may lie over what is filmed (``place.py``).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import sys

from PyQt6.QtWidgets import QWidget

_WDA_EXCLUDEFROMCAPTURE = 0x11  # winuser.h; older systems make the window black instead
_FIRST_WINDOWS_BUILD = 19_041
_FIRST_MACOS_WITHOUT = 15
"""From here on the system's recorder films windows that ask not to be."""


def can_exclude() -> bool:
    """Tried with a window that is never shown."""
    probe = QWidget()
    excluded = exclude(probe)
    probe.deleteLater()
    return excluded


def exclude(window: QWidget) -> bool:
    """Keep a window out of pictures of the screen from now on; False: it cannot be, and may be filmed."""
    if sys.platform == "win32":
        if sys.getwindowsversion().build < _FIRST_WINDOWS_BUILD:
            return False
        user32, handle = ctypes.WinDLL("user32"), ctypes.c_void_p(int(window.winId()))
        stands = ctypes.c_uint32()
        user32.SetWindowDisplayAffinity(handle, ctypes.c_uint32(_WDA_EXCLUDEFROMCAPTURE))
        told = user32.GetWindowDisplayAffinity(handle, ctypes.byref(stands))
        return bool(told) and stands.value == _WDA_EXCLUDEFROMCAPTURE
    if sys.platform == "darwin":
        if int(platform.mac_ver()[0].partition(".")[0] or 0) >= _FIRST_MACOS_WITHOUT:
            return False
        objc = ctypes.CDLL(ctypes.util.find_library("objc"))
        objc.sel_registerName.restype = ctypes.c_void_p
        send = ctypes.cast(objc.objc_msgSend, ctypes.c_void_p).value or 0
        get = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(send)
        put = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)(send)
        ask = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p)(send)
        ns_window = get(int(window.winId()), objc.sel_registerName(b"window"))
        if not ns_window:
            return False
        put(ns_window, objc.sel_registerName(b"setSharingType:"), 0)  # NSWindowSharingNone
        return bool(ask(ns_window, objc.sel_registerName(b"sharingType")) == 0)
    return False

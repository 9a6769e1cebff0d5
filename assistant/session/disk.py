"""What the system says about a session's disk when it fails, in plain words.

A pure function; used by the session writer's thread and by whoever recovers a session.
"""

from __future__ import annotations

import errno
import sys
from typing import Final

_WORDS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "the disk allows no larger file",
    errno.ENOENT: "its folder was removed or moved",
    errno.EIO: "the disk failed",
    errno.ENODEV: "the disk is gone",
    errno.EROFS: "the disk became read-only",
    errno.EACCES: "its folder may no longer be written",
    errno.EPERM: "its folder may no longer be written",
}
if sys.platform != "win32":
    _WORDS[errno.EDQUOT] = "the disk's quota is used up"
    _WORDS[errno.ESTALE] = "the network disk is gone"


def in_plain_words(error: Exception) -> str:
    """What happened to the disk, for people, and the system's own words; only these when it is none of the usual."""
    words = _WORDS.get(error.errno or 0) if isinstance(error, OSError) else None
    if words is None or not isinstance(error, OSError):
        return f"writing failed: {error}"
    return f"{words} ({error.strerror})" if error.strerror and error.strerror not in words else words

"""A small file that belongs to a session beside its media and tables: written whole, replaced by a newer one.

Pure data; any thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}\.png")


@dataclass(frozen=True, slots=True)
class SessionFile:
    """A file to be written into a session.

    Attributes:
        name: in the session's folder: small letters, digits and ``-``, ending in ``.png``.
        data: all of it.
    """

    name: str
    data: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name: expected small letters, digits, '-' and '.png', got {self.name!r}")

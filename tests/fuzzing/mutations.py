"""Alters valid inputs: bytes as they are, and by what they mean (numbers, JSON values, cells of a table). Seeded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
Mutation = Callable[[bytes, Rng], bytes]

NASTY = (
    b"0", b"-1", b"1", b"2147483648", b"-9223372036854775809", b"18446744073709551616", b"1e308", b"1e999", b"nan",
    b"-inf", b"", b"null", b"true", b"[]", b"{}", b"[[[[", b'"', b"'", b"\\", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\n", b",", b"..", b"/etc/passwd", b"../../x", b"%s%n", "\u017f\u202e".encode(), b"9" * 400, b"A" * 5000,
    b"[" * 3000,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, -(2**63) - 1, 2**64, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "x",
    "\x00", "../..", "A" * 3000, [], {}, [[]], [None] * 20, {"x": {"y": []}}, "nan", [0, 0, 0, 0], [-5, 9, 2, 1],
)  # fmt: skip


def of_bytes(data: bytes, rng: Rng) -> bytes:
    """Bits flipped, bytes set, pieces removed, repeated, cut off, or something nasty put in; once to six times."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 7))):
        at = int(rng.integers(0, len(out) + 1))
        # Near the beginning, where headers stand, half of the time.
        at = min(at, 200) if rng.random() < 0.5 else at
        length = int(rng.integers(1, 1 << int(rng.integers(1, 9))))
        match int(rng.integers(0, 8)):
            case 0 if at < len(out):
                out[at] ^= 1 << int(rng.integers(0, 8))
            case 1 if at < len(out):
                out[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = out[at : at + length] * int(rng.integers(1, 5))
            case 4:
                out[at:at] = NASTY[int(rng.integers(len(NASTY)))]
            case 5 if rng.random() < 0.4:
                del out[at:]
            case 6:
                out[at : at + length] = rng.bytes(min(length, 64))
            case _:
                size = int(rng.choice([2, 4, 8]))
                number = int(rng.choice([0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1]))
                out[at : at + size] = (number & ((1 << 8 * size) - 1)).to_bytes(
                    size, str(rng.choice(["little", "big"]))
                )
    return bytes(out)


def of_numbers(data: bytes, rng: Rng) -> bytes:
    """One to three numbers or quoted words of a text become something else; else as bytes."""
    places = [found.span() for found in re.finditer(rb'-?\d+(?:\.\d+)?|"[^"\n]*"', data)]
    if not places or rng.random() < 0.2:
        return of_bytes(data, rng)
    out = data
    for place in sorted(
        rng.choice(len(places), min(len(places), int(rng.integers(1, 4))), replace=False), reverse=True
    ):
        start, end = places[int(place)]
        new = NASTY[int(rng.integers(len(NASTY)))]
        if out[start:end].startswith(b'"') and rng.random() < 0.5:
            new = b'"' + new.replace(b'"', b"").replace(b"\n", b"") + b'"'
        out = out[:start] + new + out[end:]
    return out


def of_json(data: bytes, rng: Rng) -> bytes:
    """A value somewhere in a JSON document becomes another, goes, or a key appears; else as bytes."""
    if rng.random() < 0.2:
        return of_bytes(data, rng)
    document = json.loads(data)
    for _ in range(int(rng.integers(1, 4))):
        _alter(document, rng)
    return json.dumps(document).encode()


def of_lines(data: bytes, rng: Rng) -> bytes:
    """A line goes, comes twice, changes places, or is altered by its numbers (or as JSON, where it is)."""
    lines = data.split(b"\n")
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(lines)))
        match int(rng.integers(0, 6)):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(at, lines[at])
            case 2:
                other = int(rng.integers(len(lines)))
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = of_bytes(lines[at], rng)
            case _:
                lines[at] = (of_json if lines[at].startswith(b"{") and _is_json(lines[at]) else of_numbers)(
                    lines[at], rng
                )
    return b"\n".join(lines)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _alter(node: Any, rng: Rng) -> None:
    """Walk down at random and alter what is there."""
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = keys[int(rng.integers(len(keys)))]
        child = node[key]
        if isinstance(child, dict | list) and child and rng.random() < 0.75:
            node = child
            continue
        match int(rng.integers(0, 5)):
            case 0:
                del node[key]
            case 1 if isinstance(node, dict):
                node["surplus"] = VALUES[int(rng.integers(len(VALUES)))]
            case 2 if isinstance(child, int) and not isinstance(child, bool):
                node[key] = child + int(rng.choice([-1, 1, 1000, -1000, 2**40]))
            case _:
                node[key] = VALUES[int(rng.integers(len(VALUES)))]
        return

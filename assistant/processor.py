"""Which processor this is, as far as it may change what an engine computes. Any thread."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

ISA_CAP = "ONEDNN_MAX_CPU_ISA"
"""Environment variable by which OpenVINO's kernels use no more than an instruction set, as on an older processor."""


@cache
def processor_name() -> str:
    """Model and instruction sets of the processor on one line: a virtual machine may hide some of the latter."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return f"{platform.machine()} {platform.processor()}".strip()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = sorted(facts.get("flags", facts.get("Features", "")).split())
    vector = " ".join(flag for flag in flags if flag.startswith(("avx", "amx", "sse4", "fma", "asimd", "sve")))
    return f"{platform.machine()} {facts.get('model name', 'processor')} {vector}".strip()


def processor_identity() -> str:
    """The same with the cap that is set for this process."""
    cap = os.environ.get(ISA_CAP)
    return processor_name() + (f", at most {cap}" if cap else "")

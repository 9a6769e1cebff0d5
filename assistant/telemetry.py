"""Keeps the libraries that we load from reporting home: this is a program for a room with patients in it.

Imported by ``assistant/__init__.py``, so before any library of which this speaks:

- ONNX Runtime (seen in 1.32) writes an identifier into the home folder at import and calls its maker's server;
  ``ORT_DISABLE_TELEMETRY`` must be set before that.
- OpenVINO (seen in 2026.4) writes an identifier to ``~/intel`` at import when the package ``openvino_telemetry`` is
  there. Without it, OpenVINO falls back to a stub of its own, so we hide the package.
- Ray (seen in 2.60) reports how a cluster is used from the process that starts it, unless
  ``RAY_USAGE_STATS_ENABLED`` is 0.
"""

from __future__ import annotations

import os
import sys


def switch_off() -> None:
    """Switch off the telemetry of ONNX Runtime, OpenVINO and Ray for this process and its children."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # importing it now raises ImportError

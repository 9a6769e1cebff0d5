"""The process that renders for the live device: ``python -m plugins.phantom.render_process SETTINGS``.

Writes pickled items of all streams, in order of time, to its standard output as fast as the pipe takes them; then None,
or a string that says what failed. It ends by itself when nobody holds the other end of the pipe any more.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import cv2

from assistant.errors import SonocueError
from plugins.phantom.messages import send
from plugins.phantom.scan import Scan
from plugins.phantom.settings import ScanSettings


def main() -> None:
    """Render the scan whose settings stand as JSON in the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides when to end
    cv2.setNumThreads(1)
    pipe = os.dup(1)
    os.dup2(2, 1)  # whoever prints must not print into the pipe
    try:
        try:
            for item in Scan(ScanSettings(**json.loads(sys.argv[1]))).items():
                send(pipe, item)
            send(pipe, None)
        except SonocueError as error:
            send(pipe, str(error))
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()

"""The process that renders for the live device: ``python -m plugins.phantom.render_process SETTINGS``.

Writes pickled items of all streams, in order of time, to its standard output as fast as the pipe takes them; then None,
or a string that says what failed. Steered live, it makes a frame only when an empty line comes on its standard input,
after the commands (JSON, a line each) that come before that line. It ends by itself when nobody holds the other end of
the pipe any more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator

import cv2

from assistant.errors import SonocueError
from assistant.steering import SteerCommand
from plugins.phantom.messages import send
from plugins.phantom.scan import Scan
from plugins.phantom.settings import LIVE, ScanSettings
from plugins.phantom.steering import parse_command


def main() -> None:
    """Render the scan whose settings stand as JSON in the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides when to end
    cv2.setNumThreads(1)
    pipe = os.dup(1)
    os.dup2(2, 1)  # whoever prints must not print into the pipe
    try:
        try:
            scan = Scan(ScanSettings(**json.loads(sys.argv[1])))
            for item in scan.steered(_asked(sys.stdin)) if scan.settings.steer == LIVE else scan.items():
                send(pipe, item)
            send(pipe, None)
        except SonocueError as error:
            send(pipe, str(error))
    except BrokenPipeError:
        sys.exit(1)


def _asked(lines: Iterable[str]) -> Iterator[list[SteerCommand]]:
    """The commands before each empty line."""
    commands: list[SteerCommand] = []
    for line in lines:
        if line.strip():
            commands.append(parse_command(line, "steering").command)
        else:
            yield commands
            commands = []


if __name__ == "__main__":
    main()

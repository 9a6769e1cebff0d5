"""One suite over all publishers: what the contract says, each must do. A new one joins by a line in ``ARGUMENTS``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from assistant.contracts import Abstention, Decision, Frame, Guidance, Publisher
from assistant.errors import ConfigError, SonocueError
from assistant.plugin_loader import load_plugin, plugin_names
from tests.loopback import free_port

ARGUMENTS: dict[str, Callable[[], str]] = {"openigtlink": lambda: f"127.0.0.1:{free_port()}"}
WRONG = {"openigtlink": ["127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:99999", "0x5"]}


def item(index: int = 0, *, gaze: bool = True, colour: bool = False) -> tuple[Frame, Guidance]:
    """An image of shade ``index`` and guidance with a gaze map of its lower right quarter."""
    frame = Frame(index, 10**9 + index, np.full((48, 64, 3) if colour else (48, 64), index % 256, np.uint8))
    gaze_map = np.full((3, 4), 1 / 12, np.float32) if gaze else None
    decision = Decision("femur", "femur", 0.9) if gaze else Decision(None, "femur", 0.3, Abstention.LOW_CONFIDENCE)
    probabilities = np.array([0.9, 0.1], np.float32)
    return frame, Guidance(
        index,
        frame.captured_ns,
        0,
        0,
        frame.captured_ns + 5,
        probabilities,
        decision,
        gaze_map,
        (24, 32, 48, 64),
        "m@0",
    )


@pytest.fixture(params=sorted(ARGUMENTS))
def name(request) -> str:
    return str(request.param)


@pytest.fixture
def publisher(name) -> Iterator[Publisher]:
    made = load_plugin("sonocue.publishers", name)(ARGUMENTS[name]())
    yield made
    made.close()


def test_every_publisher_is_in_the_suite():
    assert sorted(ARGUMENTS) == plugin_names("sonocue.publishers")


def test_it_says_where_it_sends_to_and_takes_everything_while_nobody_listens(publisher):
    assert isinstance(publisher, Publisher)
    line = publisher.open("session-1")
    assert "session-1" in line and "127.0.0.1" in line and "\n" not in line
    for index in range(5):
        publisher.put(*item(index, gaze=index % 2 == 0, colour=index > 2))


def test_close_is_idempotent_also_without_open(publisher):
    publisher.close()
    publisher.open("s")
    publisher.close()
    publisher.close()
    publisher.put(*item())  # late, and of no effect


def test_what_it_used_is_free_again(name):
    argument = ARGUMENTS[name]()
    for _ in range(3):
        publisher = load_plugin("sonocue.publishers", name)(argument)
        publisher.open("s")
        publisher.close()


def test_what_is_taken_is_one_clear_line(name):
    argument = ARGUMENTS[name]()
    host, _, port = argument.rpartition(":")
    with socket.create_server((host, int(port))), pytest.raises(SonocueError) as error:
        load_plugin("sonocue.publishers", name)(argument).open("s")
    assert port in str(error.value) and "\n" not in str(error.value)


def test_a_wrong_argument_is_refused(name):
    for argument in WRONG[name]:
        with pytest.raises((ConfigError, SonocueError)):
            load_plugin("sonocue.publishers", name)(argument).open("s")

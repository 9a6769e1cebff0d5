"""Processor time by thread and process is charged to whom it belongs."""

import subprocess
import sys
import threading
import time

import pytest

from assistant.process_watch import (
    memory_mb,
    native_threads,
    open_handles,
    processor_time,
    shares_of_a_core,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's /proc")

BUSY = "import time\nwhile time.process_time() < 0.4: pass\nprint('worked', flush=True)\ninput()"


def test_who_works_is_charged_and_who_waits_is_not():
    worked, let_go = threading.Event(), threading.Event()

    def work():
        until_s = time.thread_time() + 0.4
        while time.thread_time() < until_s:
            pass
        worked.set()
        let_go.wait(20)

    threads = [
        threading.Thread(target=work, name="busy", daemon=True),
        threading.Thread(target=let_go.wait, args=(20,), name="idle", daemon=True),
    ]
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        since = processor_time()
        for thread in threads:
            thread.start()
        assert child.stdout is not None
        assert child.stdout.readline() == "worked\n"
        assert worked.wait(20)
        until = processor_time()
        child.communicate("\n")
    let_go.set()
    for thread in threads:
        thread.join()
    passed_s = (until.at_ns - since.at_ns) / 1e9
    by_thread, by_child = shares_of_a_core(since, until)
    assert 0.35 < by_thread["busy"] * passed_s < 0.6
    assert by_thread["idle"] * passed_s < 0.05
    assert max(by_child.values()) * passed_s > 0.3


def test_memory_handles_and_threads_follow_what_is_opened(tmp_path):
    before = open_handles(), native_threads()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, args=(20,))
    thread.start()
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert open_handles() == before[0] + 2
    assert native_threads() == before[1] + 1
    stop.set()
    thread.join()
    held_mb = memory_mb()
    block = b"1" * (64 << 20)
    assert memory_mb() - held_mb == pytest.approx(64, abs=8)
    del block

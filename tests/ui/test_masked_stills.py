"""The patient's name in a live run: not in what a real client receives, not in what is painted, not in a still."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from assistant.config import RunConfig
from assistant.pipeline import start_run
from tests.loopback import free_port
from tests.named_screens import EACH, named_screens, write_film
from tests.ui.conftest import discard
from ui.image_view import ImageView
from ui.stills import save_still


def test_what_is_published_shown_and_saved_as_a_still_holds_no_name(data_dir, tmp_path, tiny_bundle, qtbot):
    pyigtl = pytest.importorskip("pyigtl", reason="the extra 'live' (pyigtl) is not installed")
    screens = named_screens(data_dir)
    film = write_film(tmp_path / "film.mkv", screens[0])
    port = free_port()
    run = start_run(
        RunConfig(
            source=f"file:{film}", model=str(tiny_bundle.path), record=tmp_path, publishers=(f"openigtlink:{port}",)
        )
    )
    client = pyigtl.OpenIGTLinkClient("127.0.0.1", port)
    received, shown = [], {}
    deadline = time.monotonic() + 60
    try:
        while not run.snapshot().ended and time.monotonic() < deadline:
            message = client.wait_for_message("Sonocue", timeout=0.1)
            if message is not None:
                received.append(np.asarray(message.image)[0])
            snapshot = run.snapshot()
            if snapshot.frame is not None:
                shown[snapshot.frame.index // EACH] = snapshot
    finally:
        client.stop()
        run.stop()
        assert run.wait(30)
    assert len(received) >= 3 and set(shown) == {0, 1}
    assert screens[1][0].sum() > 1000
    for image in received:
        moved = (image[:280] > 0).mean() < 0.1  # of the second layout, the upper part is empty
        assert not image[screens[1][int(moved)]].any()
        assert (image[450:600, 300:700] > 30).mean() > 0.3, "the image is there"
    view = ImageView()
    view.resize(975, 735)
    for which, snapshot in shown.items():
        letters = screens[1][which]
        assert not snapshot.frame.pixels[letters].any()
        view.show_snapshot(snapshot)
        view.show_overlays(heatmap=False, overlays=False)
        bare = save_still(view, snapshot, snapshot.frame)
        for file in (bare, bare.with_name(f"{bare.stem}-window.png")):
            picture = cv2.imread(str(file))
            assert picture.shape[:2] == (735, 975)
            assert not picture[letters].any(), file
    discard(view)

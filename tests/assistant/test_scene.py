"""Scene cuts are noticed; a moving probe is not one."""

from pathlib import Path

import av
import cv2
import numpy as np

from assistant.contracts import Frame, UInt8Array
from assistant.scene import SceneCounter


def scenes_of(images: list[UInt8Array], stream: int = 0) -> list[int]:
    count = SceneCounter()
    return [count(Frame(index, index, image, stream)) for index, image in enumerate(images)]


def test_real_standard_planes_one_after_the_other_are_cuts(data_dir: Path) -> None:
    files = sorted((data_dir / "sononet" / "example_images").glob("*.png"))
    images = [np.ascontiguousarray(cv2.imread(str(file))[..., ::-1]) for file in files]
    twice = [image for image in images for _ in range(2)]
    assert scenes_of(twice) == [index // 2 for index in range(2 * len(images))]


def test_a_real_cine_is_one_scene(data_dir: Path) -> None:
    with av.open(str(data_dir / "us_video" / "clarius-ocular-short.mp4")) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert set(scenes_of(images)) == {0}


def test_noise_is_not_a_cut_but_black_and_a_new_stream_are() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (2, 480, 640), dtype=np.uint8)
    assert scenes_of([noise[0], noise[1]]) == [0, 0]
    assert scenes_of([noise[0], np.zeros((480, 640), dtype=np.uint8)]) == [0, 1]
    count = SceneCounter()
    assert [count(Frame(0, 0, noise[0], 0)), count(Frame(1, 1, noise[0], 1))] == [0, 1]


def test_tiny_images_work() -> None:
    assert scenes_of([np.zeros((1, 1), dtype=np.uint8), np.zeros((3, 2, 3), dtype=np.uint8)]) == [0, 0]

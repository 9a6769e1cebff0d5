"""How long the mask takes for a frame of 1280x1024 in colour: median and p95 of wall and processor time.

    python scripts/bench_privacy_mask.py

On a drawn screen (speckle in a sector, words around it); takes a few seconds.
"""

from __future__ import annotations

import time

import cv2
import numpy as np

from assistant.contracts import Frame
from assistant.privacy_mask import PrivacyMask

HEIGHT_PX, WIDTH_PX, FRAMES = 1024, 1280, 200


def main() -> None:
    """See the module."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    speckle = cv2.GaussianBlur(rng.rayleigh(40, (HEIGHT_PX, WIDTH_PX)).astype(np.float32), (0, 0), 1.5)
    sector = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cv2.fillConvexPoly(sector, np.array([[500, 120], [780, 120], [1150, 980], [130, 980]], np.int32), (1,))
    screen = cv2.merge([np.clip(speckle * sector, 0, 255).astype(np.uint8)] * 3)
    cv2.putText(screen, "DOE^JANE 1985", (60, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (230, 230, 230), 2)
    mask, wall_ms, cpu_ms = PrivacyMask(), [], []
    for index in range(FRAMES):
        frame = Frame(index, index * 33_000_000, screen.copy())
        began_s, worked_s = time.perf_counter(), time.thread_time()
        mask(frame)
        wall_ms.append(1e3 * (time.perf_counter() - began_s))
        cpu_ms.append(1e3 * (time.thread_time() - worked_s))
    for name, values in (("wall", wall_ms), ("processor", cpu_ms)):
        print(f"{name} ms: median {np.median(values):.2f}, p95 {np.percentile(values, 95):.2f}")


if __name__ == "__main__":
    main()

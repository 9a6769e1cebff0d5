# ruff: noqa: T201 - what it prints is read by the test
"""The other end of OpenIGTLink: pyigtl's own server and client, each a process of its own.

Run as ``python tests/igtl_peer.py serve PORT [kind]`` or ``receive PORT SECONDS``.
The server takes over the signals of its process.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pyigtl

FPS = 25
SIZE = (64, 48)  # width, height


def picture(number: int, channels: int = 1) -> np.ndarray:
    """Rows of a ramp in the grey of its number; in colour, red says the number."""
    grey = np.full((SIZE[1], SIZE[0]), number % 200, np.uint8)
    grey[:, :8] = np.arange(8, dtype=np.uint8) * 30  # left and right, top and bottom are not the same
    grey[:4] = 255
    if channels == 1:
        return grey
    return np.stack([grey, np.full_like(grey, 50), np.full_like(grey, 100)], axis=-1)


def serve(port: int, kind: str) -> None:
    """Send pictures and poses at ``FPS`` until the client goes."""
    server = pyigtl.OpenIGTLinkServer(port=port, local_server=True)
    print("ready", flush=True)
    began_s, number = time.time(), 0
    while not server.is_connected():
        time.sleep(0.005)
    while server.is_connected():
        stamp_s = began_s + number / FPS
        pixels = picture(number, 3 if kind == "colour" else 1)
        if kind == "deep":
            pixels = pixels.astype(np.uint16)
        voxels = np.stack([pixels] * 3) if kind == "volume" else pixels[None]
        if kind == "resized" and number >= 10:
            voxels = voxels[:, :31, :41]
        pose = np.eye(4)
        pose[0, 3] = number
        server.send_message(pyigtl.TransformMessage(pose, device_name="Probe", timestamp=stamp_s), wait=True)
        server.send_message(pyigtl.ImageMessage(voxels[:, ::2], device_name="Other", timestamp=stamp_s), wait=True)
        server.send_message(pyigtl.ImageMessage(voxels, device_name="Image", timestamp=stamp_s), wait=True)
        number += 1
        if kind == "ends" and number == 20:
            break
        time.sleep(max(0.0, stamp_s + 1 / FPS - time.time()))
    server.stop()


def receive(port: int, seconds: float) -> None:
    """Print a JSON line for every message that comes."""
    client = pyigtl.OpenIGTLinkClient("127.0.0.1", port)
    deadline = time.time() + seconds
    while time.time() < deadline:
        for message in client.get_latest_messages():
            facts = {"type": message.message_type, "device": message.device_name, "timestamp": message.timestamp}
            if message.message_type == "STRING":
                facts["string"] = message.string
            else:
                image = np.asarray(message.image)
                facts |= {"shape": list(image.shape), "dtype": str(image.dtype), "sum": float(image.sum())}
                facts["corner"] = image.reshape(-1)[:3].tolist()
                facts["matrix"] = np.asarray(message.ijk_to_world_matrix).tolist()
            print(json.dumps(facts), flush=True)
        time.sleep(0.005)
    client.stop()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), (sys.argv[3:] or ["grey"])[0])
    else:
        receive(int(sys.argv[2]), float(sys.argv[3]))

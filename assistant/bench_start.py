"""How long a process takes from its start to its first guidance, and how much memory: in a process of its own.

``sonocue bench inference`` starts it twice, with an empty and then with a warm cache, as
``python -m assistant.bench_start MODEL BACKEND PRECISION THREADS``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from assistant.model_contracts import Precision


def main() -> None:
    """Load, compare with golden frames, guide one frame; tell it in one JSON line."""
    model, backend, precision, threads = sys.argv[1:]
    from assistant.admission import FRAMES_AT_START, compare, create_backend
    from assistant.admission_record import remember, was_admitted
    from assistant.bundle import read_bundle
    from assistant.network_check import check_network

    before_kb = _memory_kb("VmRSS")
    started_s = time.perf_counter()
    bundle = read_bundle(Path(model))
    kind: Precision = "int8" if precision == "int8" else "float"
    # As ``admission.admit``, but nobody is refused: random weights bear quantisation worse than trained ones.
    check_network(bundle.onnx[kind], bundle)
    engine = create_backend(backend, int(threads))
    description = engine.load(bundle, kind)
    agreement = compare(engine, bundle, FRAMES_AT_START if was_admitted(bundle, description) else None)
    remember(bundle, description, agreement)
    loaded_s = time.perf_counter() - started_s
    spec = bundle.preprocessing
    engine.infer(np.zeros((1, 1, spec.height_px, spec.width_px), np.float32))
    memory_mb = (_memory_kb("VmHWM") - before_kb) / 1024
    print(json.dumps({"load_s": loaded_s, "memory_mb": memory_mb}), flush=True)  # noqa: T201 - for the parent
    engine.close()


def _memory_kb(kind: str) -> int:
    """Resident memory now (``VmRSS``) or at its highest (``VmHWM``); 0 where Linux does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")), 0)


if __name__ == "__main__":
    main()

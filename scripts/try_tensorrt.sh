#!/bin/sh
# For whoever has an NVIDIA graphics processor: builds, verifies and times everything with TensorRT, and prints a table.
# Written without one at hand, and never run with one. The first run builds engines for some minutes.
#
#   python -m pip install -e '.[live,train,tensorrt]' -c requirements.lock
#   scripts/try_tensorrt.sh [MODEL...]        # model folders; default: the reference networks, which it makes
#
# Please send what it prints, and anything that fails.
set -eu
cd "$(dirname "$0")/.."
sonocue=.venv/bin/sonocue
[ -x "$sonocue" ] || sonocue=sonocue
python=.venv/bin/python
[ -x "$python" ] || python=python

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv || echo "nvidia-smi is not there"
"$python" -m pytest tests/plugins/test_tensorrt.py tests/contracts/test_backends.py -q -k "tensorrt or gpu" -rs
for model in "$@"; do
    "$sonocue" model verify "$model" --backend tensorrt
    "$sonocue" model verify "$model" --backend tensorrt:fp32
done
exec "$sonocue" bench inference "$@" --backend tensorrt --backend tensorrt:fp32 --backend onnxruntime --backend openvino

#!/usr/bin/env bash
# Opens the assistant on the software scanner with the default model (make demo). With a screen: a window that keeps
# running. Without one, or with HEADLESS=1: 20 s on a virtual screen, then a screenshot, the session and one JSON line.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p demo
live=(.venv/bin/sonocue live --source phantom:1 --subject demo --record demo/sessions)
if [ "${HEADLESS:-}" = 1 ] || { [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; }; then
    exec env QT_QPA_PLATFORM=xcb xvfb-run --auto-servernum --server-args="-screen 0 1600x900x24 -nolisten tcp" \
        "${live[@]}" --seconds 20 --screenshot demo/overlay.png --json
fi
exec "${live[@]}"

#!/usr/bin/env bash
# Makes .venv in the repository's root and installs what is missing.
#   scripts/setup.sh live   what the assistant needs (make demo)
#   scripts/setup.sh dev    everything: training, tests, checks (make setup, make test)
# Says what it installs. Does nothing when all is there already.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-dev}

stamp=.venv/.installed-$what
state=$(cat pyproject.toml requirements.lock scripts/setup.sh | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && [ "$(cat .venv/.folder 2>/dev/null)" = "$PWD" ]; then
    exit 0
fi

# --- system packages -------------------------------------------------------------------------------------------------
# A window: Qt's X11 libraries, a font, a virtual screen. Sound: PortAudio, and a voice for the software scanner.
packages="xvfb xauth fonts-dejavu-core libxcb-icccm4 libxcb-keysyms1 libxcb-cursor0 libxcb-image0 libxcb-render-util0
    libxcb-shape0 libxcb-shm0 libxcb-xfixes0 libxcb-randr0 libxcb-xinerama0 libxkbcommon-x11-0 libegl1 libgl1 libdbus-1-3 libfontconfig1
    libportaudio2 espeak-ng"
if [ "$what" = dev ]; then
    # The tests stream with a real ffmpeg, speak into a real sound server, press real keys, and look through windows that
    # are half transparent (xcompmgr). The compiler is for the checksums of OpenIGTLink (crcmod comes as source). The last
    # one compiles the translations of the window.
    packages="$packages gcc libc6-dev python3-dev ffmpeg pulseaudio pulseaudio-utils libasound2-plugins xdotool xcompmgr qt6-l10n-tools"
fi
if command -v dpkg-query >/dev/null; then
    missing=
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" -ne 0 ]; then
            echo "setup: these system packages are missing; install them, then run this again:" >&2
            echo "    sudo apt-get install --no-install-recommends$missing" >&2
            exit 2
        fi
        echo "setup: installing system packages:$missing"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
    fi
else
    echo "setup: not a Debian system; the equivalents of these packages are needed: $(echo $packages)"
fi

# --- Python packages -------------------------------------------------------------------------------------------------
if [ ! -x .venv/bin/python ] || [ "$(cat .venv/.folder 2>/dev/null)" != "$PWD" ]; then
    python=
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "setup: expected Python 3.11 or newer, got $(python3 --version 2>&1 || echo none): install it, then run this again" >&2
        exit 2
    fi
    echo "setup: making .venv with $($python --version)"
    "$python" -m venv --clear .venv
    echo "$PWD" >.venv/.folder
fi
echo "setup: installing Python packages for '$what' at the versions of requirements.lock"
.venv/bin/python -m pip install -q --disable-pip-version-check -c requirements.lock -e ".[$what]"
echo "$state" >"$stamp"
if [ "$what" = dev ]; then
    echo "$state" >.venv/.installed-live
fi

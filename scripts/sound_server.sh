#!/bin/sh
# A private sound server without a sound card, for tests and demonstrations: what is played into it, its default
# microphone hears.
#
#   eval "$(scripts/sound_server.sh start DIR)"   starts it; DIR is a scratch folder of its own with a short path
#   paplay words.wav                              speaks into the microphone
#   scripts/sound_server.sh stop DIR
#
# Works as root and as any user, beside a sound server that already runs. `norewinds=1` makes the null sink behave like a
# card: without it the sink renders up to two seconds ahead, and a recording begins late and with wrong times.
set -eu

usage() { echo "usage: $0 start|stop DIR" >&2; exit 2; }
[ $# -eq 2 ] || usage
action=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
pid_file=$dir/run/pulse/pid

alive() { [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }

start() {
    if ! command -v pulseaudio >/dev/null || ! command -v pactl >/dev/null; then
        echo "sound_server: pulseaudio or pactl is missing: apt-get install pulseaudio pulseaudio-utils libasound2-plugins" >&2
        exit 1
    fi
    if alive; then
        echo "sound_server: one already runs in $dir: stop it first" >&2
        exit 1
    fi
    # HOME and the XDG folders keep it away from the settings and the socket of a desktop's own server.
    mkdir -p "$dir/home" "$dir/run"
    chmod 700 "$dir/run"
    server=unix:$dir/run/pulse/native
    cookie=$dir/home/cookie
    unset PULSE_RUNTIME_PATH PULSE_CONFIG_PATH PULSE_STATE_PATH XDG_CONFIG_HOME DBUS_SESSION_BUS_ADDRESS DISPLAY
    HOME=$dir/home XDG_RUNTIME_DIR=$dir/run PULSE_COOKIE=$cookie \
        pulseaudio -n --daemonize=yes --exit-idle-time=-1 --disallow-exit --use-pid-file=yes \
        --log-level=error --log-target="file:$dir/log" \
        -L "module-native-protocol-unix auth-cookie=$cookie" \
        -L "module-null-sink sink_name=room rate=48000 channels=1 norewinds=1" \
        -L module-always-sink >>"$dir/log" 2>&1 || {
        echo "sound_server: pulseaudio did not start: see $dir/log" >&2
        exit 1
    }
    PULSE_SERVER=$server PULSE_COOKIE=$cookie pactl set-default-sink room
    PULSE_SERVER=$server PULSE_COOKIE=$cookie pactl set-default-source room.monitor
    echo "export PULSE_SERVER='$server' PULSE_COOKIE='$cookie'"
}

stop() {
    alive || return 0
    pid=$(cat "$pid_file")
    kill "$pid"
    # The server removes its pid file as it ends; five seconds are plenty.
    for _ in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid"
}

case $action in
    start) start ;;
    stop) stop ;;
    *) usage ;;
esac

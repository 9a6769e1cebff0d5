#!/bin/sh
# Makes assistant/models/default again, from nothing: scans of the software scanner, then the trainer with
# trainer/configs/default.toml. Deterministic on one kind of processor. Its steps were run one by one, beside other programs:
# scans 15 minutes, training 15; the whole script was never timed.
#
#   scripts/make_default_model.sh [WORK_FOLDER]
#
# WORK_FOLDER (default: runs/default) keeps the sessions (about 4.1 GB) and the run; what is there already is used again.
set -eu
cd "$(dirname "$0")/.."
work=${1:-runs/default}
sonocue=.venv/bin/sonocue
[ -x "$sonocue" ] || sonocue=sonocue

mkdir -p "$work"
[ -d "$work/sessions" ] || "$sonocue" phantom make "$work/sessions" --subjects 120 --unseen 12 --seed 1 --seconds 60
"$sonocue" train all trainer/configs/default.toml "$work/sessions" "$work/run"

target=assistant/models/default
rm -rf "$target.new"
cp -R "$work/run/model" "$target.new"
rm -rf "$target"
mv "$target.new" "$target"
"$sonocue" model verify "$target"
sed -n '/^## Planes/,$p' "$target/docs/README.md"
du -sh "$target"

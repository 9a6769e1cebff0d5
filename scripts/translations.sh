#!/usr/bin/env bash
# Collects the texts of ui/ into ui/translations/sonocue_*.ts and compiles these to the .qm files that the window loads.
# A text that is new stands there as unfinished, to be translated with Qt Linguist or an editor; then run this again.
# LRELEASE=PATH names the compiler where it lies elsewhere (Debian: qt6-l10n-tools).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
lrelease=${LRELEASE:-$(command -v lrelease6 || command -v lrelease || ls /usr/lib/qt6/bin/lrelease 2>/dev/null || true)}
if [ -z "$lrelease" ]; then
    echo "translations: lrelease is missing: apt-get install qt6-l10n-tools" >&2
    exit 2
fi
for file in ui/translations/*.ts; do
    find ui -name '*.py' | LC_ALL=C sort | xargs "$python" -m PyQt6.lupdate.pylupdate --no-obsolete --ts "$file"
    sed -i '/<location /d' "$file" # line numbers would change with every edit
    "$lrelease" -silent "$file" -qm "${file%.ts}.qm"
done

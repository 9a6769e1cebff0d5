"""Runs the commands that a document names and puts what they print into it, so that figures and commands agree.

``python scripts/refresh_card.py docs/phantom.md [--only WORD]``. A place in the document is a comment
``<!-- from: scripts/NAME.py ... -->``, the text to be replaced, and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

_PLACE = re.compile(r"(<!-- from: (scripts/.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Run each command, then write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("document", type=Path)
    parser.add_argument("--only", default="", help="only the commands that hold this word")
    wanted = parser.parse_args()

    def fresh(place: re.Match[str]) -> str:
        if wanted.only not in place[2]:
            return place[0]
        print(place[2], flush=True)
        command = [sys.executable, *place[2].split()]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return f"{place[1]}\n{done.stdout.strip()}\n\n{place[3]}"

    text = _PLACE.sub(fresh, wanted.document.read_text(encoding="utf-8"))
    wanted.document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

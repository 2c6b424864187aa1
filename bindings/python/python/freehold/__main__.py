"""``python -m freehold run script.py`` and all other commands of ``freehold``."""

from __future__ import annotations

import sys

from freehold._command import run


def main() -> int:
    """The command; does not return when it is there."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

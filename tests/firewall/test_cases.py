#!/usr/bin/env python3
"""The cases that are known to be hard: what hark says of each, against the kernel."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import case, main  # noqa: E402 (the path comes first)
import judged  # noqa: E402
import known_nft  # noqa: E402
import known_other  # noqa: E402

for _known in known_nft.CASES + known_other.CASES:
    def _check(known=_known):
        judged.run(known)
    _check.__doc__ = _known.name
    case(_check)

main()

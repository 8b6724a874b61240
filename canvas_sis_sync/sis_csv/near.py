"""Which column a header cell that Canvas does not know was probably meant as."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

LEAST_LIKENESS = 0.82
"""Takes `sttaus` for status and `mail` for email, and leaves `course_code`, `middle_name` and `start_time` alone."""


_BETWEEN = re.compile(r"[\W_]+|sis")


def nearest(cell: str, names: Iterable[str]) -> str:
    """Return the column among `names` that a header cell is near, "" for none.

    Case, spaces, hyphens and underscores do not count, nor does an `_id` that is left out.
    """
    plain = {_plain(name): name for name in names}
    wanted = _plain(cell)
    for text in (wanted, f"{wanted}id"):
        if wanted and text in plain:
            return plain[text]
    return next((plain[text] for text in get_close_matches(wanted, plain, 1, LEAST_LIKENESS)), "")


def _plain(name: str) -> str:
    return _BETWEEN.sub("", name.lower())

"""Files that are broken at random, and the ways to check them."""

from __future__ import annotations

import random

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.check.options import CheckOptions

SEED = 20261123


AIMS = (
    CheckOptions(),
    CheckOptions(
        ImportOptions({"batch_mode": "true", "skip_deletes": "true"}),
        complete=True,
        roles=frozenset({"Grader"}),
        own_user_sis_id="u1",
    ),
    CheckOptions(
        ImportOptions(
            {
                "diffing_data_set_identifier": "sis",
                "multi_term_batch_mode": "true",
                "update_sis_id_if_login_claimed": "true",
            }
        ),
        ignore=frozenset({"user-id-blank"}),
    ),
)


SPLINTERS = (
    b'"',
    b'""',
    b",",
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b" ",
    b"\xc2\xa0",
    b"deleted",
    b"1",
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Break a file at a few places."""
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data) + 1)
        cut = chance.choice((0, 0, 1, 5, len(data)))
        data = data[:at] + chance.choice(SPLINTERS) + data[at + cut :]
    return data

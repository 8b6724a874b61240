"""Owns zips: packing a delivery, reading a packed zip back, judging a zip that somebody else made.

    packing   delivery files to a deterministic zip, compressed on every core
    records   the bytes of a zip around its data
    reading   a zip's entries as streams that do not believe what the zip says about them; read-back, description
    judging   may a ready-made zip be believed, and what is in it?

Leaves to others: names and places of zips, renaming, what a CSV means.
"""

from canvas_sis_sync.bundle.judging import Contents, look_into
from canvas_sis_sync.bundle.packing import from_folder, pack
from canvas_sis_sync.bundle.reading import Observer, describe, from_zip, read_back

__all__ = ["Contents", "Observer", "describe", "from_folder", "from_zip", "look_into", "pack", "read_back"]

"""One piece of a deflate stream: by zlib-ng where it can be imported, else by the standard library."""

from __future__ import annotations

try:
    from zlib_ng import zlib_ng as library

    LEVELS = (3, 2)
except ImportError:  # no wheel for this system
    import zlib as library  # type: ignore[no-redef] # it has the same functions

    LEVELS = (4, 3)

# Blocks take turns: the higher level alone misses five times Info-ZIP's speed, the lower alone leaves no room below
# 1.1 times its size (benchmarks/zip_speed.py).

WINDOW = 32 * 1024
"""How far back deflate looks, in bytes."""


def deflate(block: bytes, before: bytes, *, level: int, last: bool) -> bytes:
    """Return `block`, which follows `before`, as the next piece of a raw deflate stream; `last` ends the stream."""
    compressor = library.compressobj(level, library.DEFLATED, -library.MAX_WBITS, zdict=before[-WINDOW:])
    piece: bytes = compressor.compress(block)
    return piece + compressor.flush(library.Z_FINISH if last else library.Z_SYNC_FLUSH)


def crc32(block: bytes, crc: int) -> int:
    """Return the CRC-32 of what had `crc` followed by `block`."""
    return int(library.crc32(block, crc))

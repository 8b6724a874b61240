"""The bytes of a zip around its data (PKWARE's APPNOTE 4.3): local headers, the directory, zip64 where needed.

Everything that could differ between two runs is fixed: times, attributes, versions, flags.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

ZIP64_ABOVE = 0xF000_0000
"""Sizes and offsets in bytes above which zip64 is used: below 4 GiB, because deflate may enlarge a little."""
MOST_ENTRIES = 0xFFFE
"""More entries than these need zip64."""

STORED, DEFLATED = 0, 8
UTF8_NAME = 0x800
MIDNIGHT, FIRST_OF_JANUARY_1980 = 0, 0x21
MADE_ON_UNIX = 3 << 8
OWNER_ONLY = 0o100600 << 16
IN_ZIP64 = 0xFFFF_FFFF
ZIP64_EXTRA = 1

_COMMON = struct.Struct("<5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_CENTRAL_TAIL = struct.Struct("<3H2L")
_END = struct.Struct("<4s4H2LH")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_ZIP64_LOCATOR = struct.Struct("<4sLQL")


@dataclass(frozen=True, slots=True)
class Record:
    """What a zip says about one of its entries; sizes and the header's offset in bytes."""

    name: bytes
    offset: int
    size: int
    packed_size: int
    crc32: int
    method: int

    @property
    def large(self) -> bool:
        """True when the sizes are written in zip64 form."""
        return self.size > ZIP64_ABOVE

    @property
    def far(self) -> bool:
        """True when the offset is written in zip64 form."""
        return self.offset > ZIP64_ABOVE


def local_header(record: Record) -> bytes:
    """Return the header in front of the data; its length depends on name and `record.size` alone."""
    extra = _extra(record.size, record.packed_size) if record.large else b""
    return _LOCAL_SIGNATURE + _common(record, len(extra), zip64=record.large) + record.name + extra


def directory(records: Sequence[Record], offset: int) -> bytes:
    """Return the directory that ends a zip and begins at `offset` bytes."""
    entries = b"".join(map(_central, records))
    count, size = len(records), len(entries)
    end = b""
    if count > MOST_ENTRIES or offset + size > ZIP64_ABOVE:
        end = _ZIP64_END.pack(b"PK\x06\x06", 44, 45 | MADE_ON_UNIX, 45, 0, 0, count, count, size, offset)
        end += _ZIP64_LOCATOR.pack(b"PK\x06\x07", 0, offset + size, 1)
        count, size, offset = 0xFFFF, IN_ZIP64, IN_ZIP64
    return entries + end + _END.pack(b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def _central(record: Record) -> bytes:
    sizes = (record.size, record.packed_size) if record.large else ()
    offsets = (record.offset,) if record.far else ()
    extra = _extra(*sizes, *offsets) if sizes or offsets else b""
    made_by = struct.pack("<H", MADE_ON_UNIX | 45)
    common = _common(record, len(extra), zip64=bool(extra))
    tail = _CENTRAL_TAIL.pack(0, 0, 0, OWNER_ONLY, IN_ZIP64 if record.far else record.offset)
    return _CENTRAL_SIGNATURE + made_by + common + tail + record.name + extra


def _common(record: Record, extra_length: int, *, zip64: bool) -> bytes:
    """Return the fields that local header and directory share."""
    sizes = (IN_ZIP64, IN_ZIP64) if record.large else (record.packed_size, record.size)
    return _COMMON.pack(
        45 if zip64 else 20,
        UTF8_NAME,
        record.method,
        MIDNIGHT,
        FIRST_OF_JANUARY_1980,
        record.crc32,
        *sizes,
        len(record.name),
        extra_length,
    )


def _extra(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", ZIP64_EXTRA, 8 * len(values), *values)

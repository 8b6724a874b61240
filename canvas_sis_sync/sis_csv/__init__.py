"""Canvas's CSV: what kinds of file there are and how their bytes become rows.

Owns the 22 kinds as data, recognition, the dialect and the counting of rows. Leaves to others what a row means and
where a file lies. Section numbers with CSV refer to the fact sheet on Canvas's CSV formats, API and DIFF likewise.
"""

from canvas_sis_sync.sis_csv.counter import RowCounter, Summary, count_lines, count_rows
from canvas_sis_sync.sis_csv.deletion import BATCH_MODE_KINDS, OWNERS
from canvas_sis_sync.sis_csv.foreign import foreign_format
from canvas_sis_sync.sis_csv.formats import Column, Kind, Strictness, ValueType
from canvas_sis_sync.sis_csv.kinds import KINDS, recognise
from canvas_sis_sync.sis_csv.near import nearest
from canvas_sis_sync.sis_csv.reader import (
    MOST_COLUMNS,
    Block,
    CsvFile,
    Malformed,
    TooManyColumns,
    open_csv,
    read_blocks,
)
from canvas_sis_sync.sis_csv.texts import NotUtf8

__all__ = [
    "BATCH_MODE_KINDS",
    "KINDS",
    "MOST_COLUMNS",
    "OWNERS",
    "Block",
    "Column",
    "CsvFile",
    "Kind",
    "Malformed",
    "NotUtf8",
    "RowCounter",
    "Strictness",
    "Summary",
    "TooManyColumns",
    "ValueType",
    "count_lines",
    "count_rows",
    "foreign_format",
    "nearest",
    "open_csv",
    "read_blocks",
    "recognise",
]

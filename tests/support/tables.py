"""CSV files in memory for the tests of comparing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from canvas_sis_sync.delivery.files import DeliveryFile


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def delivered(name: str, content: bytes | str) -> DeliveryFile:
    data = content if isinstance(content, bytes) else content.encode()
    return DeliveryFile(name, len(data), lambda: io.BytesIO(data))


def delivery(**files: bytes | str) -> list[DeliveryFile]:
    """Give a file for each keyword, named after it."""
    return [delivered(f"{name}.csv", content) for name, content in files.items()]

"""What a sample of a rule is: files that trigger it and files that do not."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.check.engine import check
from canvas_sis_sync.check.findings import Report
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.delivery.files import DeliveryFile

Files = Mapping[str, str | bytes]
PLAIN = CheckOptions()
DIFFING = CheckOptions(ImportOptions({"diffing_data_set_identifier": "sis"}))


@dataclass(frozen=True)
class Example:
    """One rule: `bad` triggers it, `good` does not, with the same options unless `good_options` is another."""

    bad: Files
    good: Files
    options: CheckOptions = PLAIN
    good_options: CheckOptions | None = None


def row(header: str, bad: str, good: str, options: CheckOptions = PLAIN) -> Example:
    """Make an example of one file with one row, bad or good; rows may be several lines."""
    return Example({"sample.csv": f"{header}\n{bad}\n"}, {"sample.csv": f"{header}\n{good}\n"}, options)


def header(bad: str, good: str, values: str, options: CheckOptions = PLAIN) -> Example:
    """Make an example of one file whose header is bad or good."""
    return Example({"sample.csv": f"{bad}\n{values}\n"}, {"sample.csv": f"{good}\n{values}\n"}, options)


def delivery(files: Files) -> list[DeliveryFile]:
    """Make a delivery of files given as text or bytes."""
    made = []
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        made.append(DeliveryFile(name, len(data), partial(io.BytesIO, data)))
    return made


def checked(files: Files, options: CheckOptions = PLAIN, others: tuple[str, ...] = ()) -> Report:
    """Check files given as text or bytes."""
    return check(delivery(files), options, others=others)


def found(report: Report, rule: str) -> list[tuple[str | None, int | None, str | None]]:
    """Give the places of one rule."""
    return [(each.file, each.row, each.column) for each in report.findings if each.rule == rule]

"""The questions that rules ask of a block of rows: rows in, places and columns out.

Owns how a column is searched fast: blanks are one `in`, words are judged once for each different value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter

from canvas_sis_sync.check._rows import Heading, Rows
from canvas_sis_sync.check._rule import Check, Find, HeadingCheck, Hit
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.sis_csv.dates import DateVerdict, read_date

Judgment = Callable[[str], bool]


def of_columns(*names: str) -> Callable[[Find], Check]:
    """Make a function the check of some columns."""
    return lambda find: Check(names, find)


def blank(*names: str) -> Check:
    """Find rows in which all of some columns are blank."""
    return Check(names, lambda rows: [(place, names[0]) for place in rows.blank(*names)])


def blank_cell(*names: str) -> Check:
    """Find rows in which one of those columns is blank that the file has; of a row only the first."""

    @of_columns(*names)
    def check(rows: Rows) -> Iterable[Hit]:
        hits: dict[int, str] = {}
        for name in reversed(names):
            if rows.has(name):
                hits |= dict.fromkeys(rows.blank(name), name)
        return hits.items()

    return check


def filled(*names: str) -> Check:
    """Find rows in which any of some columns is filled."""

    @of_columns(*names)
    def check(rows: Rows) -> Iterable[Hit]:
        for name in names:
            if rows.distinct(name) != {""}:
                yield from ((place, name) for place, value in enumerate(rows.column(name)) if value)

    return check


def all_filled(first: str, second: str) -> Check:
    """Find rows in which two columns are filled that exclude each other."""

    @of_columns(first, second)
    def check(rows: Rows) -> Iterable[Hit]:
        if rows.has(first) and rows.has(second):
            pairs = enumerate(zip(rows.column(first), rows.column(second), strict=True))
            yield from ((place, second) for place, pair in pairs if all(pair))

    return check


def where(judgment: Judgment, *names: str) -> Check:
    """Find rows in which a column has a value, not blank, that a judgment holds for."""

    @of_columns(*names)
    def check(rows: Rows) -> Iterable[Hit]:
        for name in names:
            wrong = {value for value in rows.distinct(name) if value and judgment(value)}
            yield from ((place, name) for place in rows.places(name, wrong))

    return check


def not_allowed(name: str, *, may_be_blank: bool = False) -> Check:
    """Find rows whose cell is none of the words that the kind allows, as strictly as Canvas looks."""

    @of_columns(name)
    def check(rows: Rows) -> Iterable[Hit]:
        accepts = rows.kind.columns[name].accepts
        wrong = {value for value in rows.distinct(name) if not accepts(value) and (value or not may_be_blank)}
        return [(place, name) for place in rows.places(name, wrong)]

    return check


def not_bare_word(name: str) -> Check:
    """Find rows whose value is more than one of the words that the kind allows, or none of them, in whatever case."""

    @of_columns(name)
    def check(rows: Rows) -> Iterable[Hit]:
        words = {"", *rows.kind.columns[name].allowed}
        wrong = {value for value in rows.distinct(name) if value.lower() not in words}
        return [(place, name) for place in rows.places(name, wrong)]

    return check


def longer(limit: int, *names: str) -> Check:
    """Find rows in which a column has more characters than a limit."""

    @of_columns(*names)
    def check(rows: Rows) -> Iterable[Hit]:
        for name in names:
            if rows.has(name) and max(map(len, rows.column(name)), default=0) > limit:
                yield from ((place, name) for place, value in enumerate(rows.column(name)) if len(value) > limit)

    return check


def bad_date(verdict: DateVerdict, *names: str, except_for: str = "") -> Check:
    """Find dates on which Canvas's verdict is a certain one, each of a row."""
    any_order = where(lambda text: read_date(text).verdict is verdict and text != except_for, *names)
    return Check(names, lambda rows: sorted(any_order.find(rows), key=itemgetter(0)))


@of_columns("end_date")
def dates_reversed(rows: Rows) -> Iterable[Hit]:
    """Find rows whose end_date is before their start_date, as Canvas reads both."""
    if not (rows.has("start_date") and rows.has("end_date")):
        return
    starts, ends = rows.distinct("start_date"), rows.distinct("end_date")
    moments = {text: read_date(text).moment if text else None for text in starts | ends}
    begun = [moment for text in starts if (moment := moments[text])]
    ended = [moment for text in ends if (moment := moments[text])]
    if not begun or not ended or max(begun) <= min(ended):
        return
    for place, pair in enumerate(zip(rows.column("start_date"), rows.column("end_date"), strict=True)):
        start, end = moments[pair[0]], moments[pair[1]]
        if start and end and end < start:
            yield place, "end_date"


def holds_nul(*, known_columns_only: bool) -> Check:
    """Find rows with a NUL character inside a value: in text that Canvas stores, or in any cell."""

    @of_columns()
    def check(rows: Rows) -> Iterable[Hit]:
        if not rows.may_hold_nul:
            return
        names = rows.text_columns() if known_columns_only else rows.all_columns()
        hits: dict[int, str] = {}
        for name, column in names:
            hits |= {place: name for place, value in enumerate(column) if "\0" in value and place not in hits}
        yield from hits.items()

    return check


def among(check: Check, condition: Callable[[Rows], Iterable[int]]) -> Check:
    """Keep of what a check finds the places that meet a condition."""

    @of_columns(*check.columns)
    def narrowed(rows: Rows) -> Iterable[Hit]:
        hits = list(check.find(rows))
        if not hits:
            return []
        places = set(condition(rows))
        return [hit for hit in hits if hit[0] in places]

    return narrowed


def missing(*names: str) -> HeadingCheck:
    """Find columns that a header does not have."""
    return lambda heading, _options: [name for name in names if not heading.has(name)]


def every_file(_heading: Heading, _options: CheckOptions) -> Iterable[str]:
    """Find something to say about each file."""
    return [""]


def is_diffed(_heading: Heading, options: CheckOptions) -> Iterable[str]:
    """Find files of a data set that is diffed."""
    return [""] if options.asked.data_set else []

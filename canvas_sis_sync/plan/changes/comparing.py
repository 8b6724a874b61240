"""Two deliveries compared kind by kind, in the order in which Canvas imports kinds.

Owns what one kind tells about another: which objects are gone, and so what hangs on them; where rows belong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.parallel import Forked, Progress, may_fork
from canvas_sis_sync.plan.changes._dependants import Dependants
from canvas_sis_sync.plan.changes._differences import Places, RowSink
from canvas_sis_sync.plan.changes._groups import Losses, home_finder, losing_groups, removed_by_term, worst_groups
from canvas_sis_sync.plan.changes._kinds import Compared, Pair, compare_pair
from canvas_sis_sync.plan.changes._layout import Columns
from canvas_sis_sync.plan.changes._places import Sections, read_courses
from canvas_sis_sync.plan.changes._reading import Look, Side, Source, columns_of, sources_of
from canvas_sis_sync.plan.changes._terms import read_terms, renamed_terms
from canvas_sis_sync.plan.values import Changes, KindChanges
from canvas_sis_sync.progress import unseen
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS

APART_BYTES = 16 << 20
"""Less CSV is compared sooner than a process is started."""


def compare(
    before: Sequence[DeliveryFile],
    now: Sequence[DeliveryFile],
    *,
    group_by: str = "",
    canaries: Sequence[tuple[str, str]] = (),
    sink: RowSink | None = None,
    scratch: Path | None = None,
    progress: Progress = unseen,
) -> Changes:
    """Compare a delivery with an earlier one.

    `group_by` is "term", "account" or "course"; "" is by term where any course names one, else by account. `canaries`
    are kinds with one key column, and a key each. `scratch` is the folder for what does not fit into memory: as much
    as the largest files of a kind have. `progress` takes the bytes of both. Raises HomeError where there is no room,
    and what opening and reading the files raises.
    """
    comparing = _Comparing(
        sources_of(before), sources_of(now), canaries=canaries, sink=sink, scratch=scratch, progress=progress
    )
    for kind in KINDS.values():
        comparing.compare(kind)
    return comparing.result(group_by)


def compare_apart(
    before: Sequence[DeliveryFile],
    now: Sequence[DeliveryFile],
    *,
    group_by: str = "",
    canaries: Sequence[tuple[str, str]] = (),
    scratch: Path | None = None,
    progress: Progress = unseen,
) -> Changes:
    """Compare as `compare` does, large deliveries in a process of its own, whose memory is given back."""

    def work(count: Progress) -> Changes:
        return compare(before, now, group_by=group_by, canaries=canaries, scratch=scratch, progress=count)

    found = None
    if sum(file.size for file in (*before, *now)) >= APART_BYTES and may_fork():
        with Forked(work, progress) as other:
            found = other.result()
    return found or work(progress)


def compare_kind(
    kind: Kind,
    before: Sequence[DeliveryFile],
    now: Sequence[DeliveryFile],
    *,
    scratch: Path | None = None,
    sink: RowSink | None = None,
) -> KindChanges:
    """Compare files of one kind; others among them are passed over. Raises as `compare` does."""
    old, new = sources_of(before).get(kind.name, ()), sources_of(now).get(kind.name, ())
    return compare_pair(Pair(kind, old, new, sink=sink, scratch=scratch)).changes


def recognised(files: Sequence[DeliveryFile]) -> Mapping[str, tuple[DeliveryFile, ...]]:
    """Give the files of each kind, by its name, in the order in which Canvas reads them.

    Told from their beginning: a file that turns out to be malformed further on is among them.
    """
    return {kind: tuple(source.file for source in sources) for kind, sources in sources_of(files).items()}


class _Comparing:
    """The work on two deliveries, and what is known of them so far."""

    def __init__(
        self,
        before: Mapping[str, tuple[Source, ...]],
        now: Mapping[str, tuple[Source, ...]],
        *,
        canaries: Sequence[tuple[str, str]],
        sink: RowSink | None,
        scratch: Path | None,
        progress: Progress,
    ) -> None:
        self._before = before
        self._now = now
        self._canaries = canaries
        self._sink = sink
        self._scratch = scratch
        self._progress = progress
        self._kinds: dict[str, Compared] = {}
        self._dependants = Dependants()
        self._sections = Sections()

    def compare(self, kind: Kind) -> None:
        """Compare the files of a kind, if there are any."""
        before, now = self._before.get(kind.name, ()), self._now.get(kind.name, ())
        columns = columns_of(before)
        places = self._sections.places(kind, columns) if before and now else None
        looks = [self._dependants.look(kind, columns, self._sections.places(kind, columns))]
        if places:
            looks.append(_look_at_places(places))
        compared = compare_pair(
            Pair(
                kind,
                before,
                now,
                places=places,
                places_now=self._sections.places(kind, columns_of(now)) if places else None,
                canaries=[key for name, key in self._canaries if name == kind.name],
                sink=self._sink,
                looks_before=[look for look in looks if look],
                scratch=self._scratch,
                progress=self._progress,
            )
        )
        if compared.pair.before or compared.pair.now:
            self._kinds[kind.name] = compared
        self._dependants.note(kind, compared.tally, compared.before)
        if kind.name == "section":
            self._sections = Sections(compared.pair.before, compared.pair.now)

    def _sources(self, kind: str) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
        """Give the files of a kind that has been compared, before and now."""
        compared = self._kinds.get(kind)
        return (compared.pair.before, compared.pair.now) if compared else ((), ())

    def result(self, group_by: str) -> Changes:
        """Put together what was found."""
        courses_before, courses_now = map(read_courses, self._sources("course"))
        terms_before, terms_now = map(read_terms, self._sources("term"))
        homes = courses_now.homes | courses_before.homes
        # Batch mode looks after the import, when courses have moved; a blank cell moves none (CSV 10.5).
        moved = homes | {course: home for course, home in courses_now.homes.items() if home[0]}
        losses = [loss for compared in self._kinds.values() if (loss := _losses_of(compared))]
        term_of = home_finder("term", moved)
        by = {
            each: [loss.by(home_finder(each, homes), term_of) for loss in losses]
            for each in ("term", "account", "course")
        }
        group_by = group_by or ("term" if any(term for term, _ in homes.values()) else "account")
        return Changes(
            kinds=tuple(compared.changes for compared in self._kinds.values()),
            groups=tuple(losing_groups(group_by, by[group_by])),
            concentrated=tuple(group for each in by for group in worst_groups(each, by[each])),
            course_terms_before=frozenset(term for term, _ in courses_before.homes.values()),
            course_terms_now=courses_now.live_terms,
            term_ends=terms_before.ends | terms_now.ends,
            term_integration_ids=terms_before.integration_ids | terms_now.integration_ids,
            valid_terms=terms_now.valid,
            terms_now=terms_now.touched | renamed_terms(self._sources("change_sis_id")[1]),
            missing_canaries=tuple(f"{kind}:{key}" for kind, key in self._canaries if not self._is_alive(kind, key)),
            dependants=self._dependants.counts,
            removed_by_term=removed_by_term(losses, term_of),
        )

    def _is_alive(self, kind: str, key: str) -> bool:
        return kind in self._kinds and key in self._kinds[kind].tally.alive


def _losses_of(compared: Compared) -> Losses | None:
    """Give what a kind that both deliveries have loses; None when its rows belong to no course."""
    if not (compared.pair.places and compared.before.buckets):
        return None
    tally = compared.tally
    rows_before = compared.before.places - tally.repeated_at
    return Losses(compared.changes.kind, rows_before, tally.removed_at, tally.ended_at, tally.turned_at)


def _look_at_places(places: Places) -> Look:
    def look(side: Side, rows: Columns) -> None:
        side.places.update(places(rows))

    return look

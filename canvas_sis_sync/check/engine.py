"""The check of a set of files: each is read once, in Canvas's order of import, and held against those before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from canvas_sis_sync.check._checking import check_file, dropped, kind_of
from canvas_sis_sync.check._halves import worth_it
from canvas_sis_sync.check._ids import CLAIMS, Claim, families_of
from canvas_sis_sync.check._keys import ROWS, Clash, Keys, clashes
from canvas_sis_sync.check._names import fault_of_name, faults_of_set
from canvas_sis_sync.check._references import faults_within_kind
from canvas_sis_sync.check._results import FileResult, SetKnowledge, Tally
from canvas_sis_sync.check._rule import Severity
from canvas_sis_sync.check.findings import CheckedFile, Finding, Report
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.check.registry import RULES
from canvas_sis_sync.check.rules.sets import CONTRADICTION
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.parallel import Forked, Progress
from canvas_sis_sync.progress import unseen
from canvas_sis_sync.sis_csv.kinds import KINDS

LEAST_FOR_REPEATED = 100
"""Rows of a file from which on newer versions of Canvas leave out exact duplicates."""
CLAIM_OF = {(claim.name, claim.kind): claim for claim in CLAIMS}
LAST_KIND_OF = {claim.name: kind for kind in KINDS for claim in CLAIMS if claim.kind == kind}
"""The kind after which all rows with a claim have been read."""


def check(
    files: Sequence[DeliveryFile],
    options: CheckOptions,
    *,
    others: Sequence[str] = (),
    progress: Progress = unseen,
) -> Report:
    """Report what Canvas would complain about, or do silently and not as meant, as far as the files show it.

    `others` are names of what came along and is no CSV; `progress` gets the bytes read since the start. Faults of
    the files are findings; nothing is raised for them. Memory grows with the rows by 16 bytes each, and by the ids
    that are defined.
    """
    under_way = _Check(options, progress)
    under_way.judge(files, others)
    return under_way.report()


def failed(rule_id: str, name: str, sentence: str) -> Report:
    """Return the report on something that cannot be opened as files at all, such as a broken zip."""
    severity = RULES[rule_id].severity
    return Report(
        findings=(Finding(rule_id, severity, name, None, None, sentence),),
        counts={rule_id: 1},
        fatal=int(severity is Severity.FATAL),
        error=int(severity is Severity.ERROR),
        warning=int(severity is Severity.WARNING),
    )


class _Check:
    """One check under way."""

    def __init__(self, options: CheckOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._bytes_read = 0
        self._results: dict[str, FileResult] = {}
        self._claimed: defaultdict[str, list[Keys]] = defaultdict(list)
        self._others: list[Tally] = []
        self._set = Tally(None)

    def judge(self, files: Sequence[DeliveryFile], others: Sequence[str]) -> None:
        """Read all files, kind by kind, and compare what they say."""
        for rule_id in faults_of_set(files, others):
            self._set.add(rule_id)
        for name in others:
            self._others.append(dropped(name, fault_of_name(name) or "file-unknown-type").tally)
        by_kind = self._sorted_out(files)
        known = SetKnowledge(families_of(by_kind))
        for kind in ("", *KINDS):
            results = [self._check_file(file, known) for file in by_kind.get(kind, ())]
            if kind:
                self._compare(kind, [result for result in results if result.file.kind], known)
                self._compare_claims(kind)
        self._judge_set()

    def _sorted_out(self, files: Sequence[DeliveryFile]) -> dict[str, list[DeliveryFile]]:
        """Return the files that Canvas would read by kind, "" for those that it does not recognize."""
        by_kind: defaultdict[str, list[DeliveryFile]] = defaultdict(list)
        for file in files:
            if file.name in self._results:
                self._results[file.name].tally.add("zip-entry-duplicate")
                continue
            if fault := fault_of_name(file.name):
                self._results[file.name] = dropped(file.name, fault)
            else:
                self._results[file.name] = FileResult(
                    CheckedFile(file.name, None, None), Tally(file.name, self._options.most_places)
                )
                by_kind[kind_of(file)].append(file)
        return {kind: sorted(found, key=lambda file: file.name) for kind, found in by_kind.items()}

    def _check_file(self, file: DeliveryFile, known: SetKnowledge) -> FileResult:
        result = check_file(file, self._options, known, self._read_on)
        result.tally.join(self._results[file.name].tally)
        self._results[file.name] = result
        return result

    def _read_on(self, count: int) -> None:
        self._bytes_read += count
        self._progress(self._bytes_read)

    def _compare(self, kind: str, results: list[FileResult], known: SetKnowledge) -> None:
        """Hold the rows of all files of a kind against each other, and learn what they define."""
        for result in results:
            known.join(result)
            if len(results) > 1:
                result.tally.add("set-several-files")
        for result, rule_id, row, column in faults_within_kind(kind, results, known):
            result.tally.add(rule_id, row, column)
            result.refused += RULES[rule_id].severity_for(self._options) is Severity.ERROR
        for clash in clashes([result.keys.pop(ROWS) for result in results if ROWS in result.keys]):
            self._results[clash.keys.file].tally.add(self._rule_of_rows(clash), clash.row)
        if not results:
            known.families -= families_of([kind])

    def _rule_of_rows(self, clash: Clash) -> str:
        if clash.keys.file != clash.earlier.file and clash.keys.kind != "admin":
            return CONTRADICTION
        if clash.keys.kind == "enrollment" and clash.one_deletes:
            return "enrollment-delete-wins"
        if clash.keys.kind == "admin" and self._options.asked.data_set:
            return "admin-key-without-role"
        return "set-duplicate-rows"

    def _compare_claims(self, kind: str) -> None:
        """Find what two objects claim, across kinds too, once all rows with the claim have been read."""
        for result in self._results.values():
            if result.file.kind == kind:
                for name in list(result.keys):
                    self._claimed[name].append(result.keys.pop(name))
        for name in [name for name in self._claimed if LAST_KIND_OF[name] == kind]:
            for clash in clashes(self._claimed.pop(name)):
                claim = CLAIM_OF[name, clash.keys.kind]
                if claim.deleted_claims or not clash.deletes:
                    self._results[clash.keys.file].tally.add(self._rule_of(claim), clash.row, claim.columns[0])

    def _rule_of(self, claim: Claim) -> str:
        taken_over = claim.rule == "user-login-id-claimed" and self._options.asked.takes_over_logins
        return "user-login-takeover" if taken_over else claim.rule

    def _judge_set(self) -> None:
        kinds = {result.file.kind for result in self._results.values() if result.file.kind}
        if not kinds:
            self._set.add("set-nothing-to-import")
        elif self._options.asked.multi_term and not kinds & {"term", "change_sis_id"}:
            self._set.add("set-no-terms")
        if self._options.asked.data_set and self._options.asked.overrides_stickiness:
            self._set.add("set-stickiness-diffing")

    def report(self) -> Report:
        """Sum up, file by file in the order in which they were given, the set last."""
        tallies = [*(result.tally for result in self._results.values()), *self._others, self._set]
        counts: Counter[str] = Counter()
        by_severity: Counter[Severity] = Counter()
        for tally in tallies:
            tally.forget(self._options.ignore)
            counts.update(tally.counts)
        for rule_id, count in counts.items():
            by_severity[RULES[rule_id].severity_for(self._options)] += count
        return Report(
            files=tuple(result.file for result in self._results.values()),
            findings=tuple(self._kept(tallies)),
            counts=dict(counts),
            fatal=by_severity[Severity.FATAL],
            error=by_severity[Severity.ERROR],
            warning=by_severity[Severity.WARNING],
            refused=self._refused(),
            repeated=sum(
                each.repeated for each in self._results.values() if (each.file.rows or 0) >= LEAST_FOR_REPEATED
            ),
            empty_rows=sum(each.file.rows - each.judged for each in self._results.values() if each.file.rows),
            diffed=bool(self._options.asked.data_set),
        )

    def _refused(self) -> dict[str, int]:
        refused: Counter[str] = Counter()
        for result in self._results.values():
            if result.file.kind and result.refused:
                refused[result.file.kind] += result.refused
        return dict(refused)

    def _kept(self, tallies: Sequence[Tally]) -> Iterator[Finding]:
        """Word the findings, at most so many of a rule."""
        kept: Counter[str] = Counter()
        for tally in tallies:
            for finding in tally.findings(self._options):
                kept[finding.rule] += 1
                if kept[finding.rule] <= self._options.most_places:
                    yield finding


def check_apart(
    files: Sequence[DeliveryFile],
    options: CheckOptions,
    *,
    others: Sequence[str] = (),
    progress: Progress = unseen,
) -> Report:
    """Check a delivery as `engine.check` does, a large one in a process of its own."""

    def work(report: Progress) -> Report:
        return check(files, options, others=others, progress=report)

    report = None
    if worth_it(sum(file.size for file in files)):
        with Forked(work, progress) as checker:
            report = checker.result()
    return report or work(progress)

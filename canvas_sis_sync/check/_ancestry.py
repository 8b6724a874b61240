"""What rows depend on within their own kind: an account's parent, a term's override, a course's blueprint (CSV 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvas_sis_sync.check._known import FileResult, SetKnowledge

Fault = tuple[FileResult, str, int, str]
"""The file's result, the rule, the row and the column."""

DISSOCIATE = hash("dissociate")


def faults(kind: str, results: Sequence[FileResult], known: SetKnowledge) -> Iterator[Fault]:
    """Judge the links of all files of a kind, in the order of reading, once they have all been read."""
    match kind:
        case "account":
            yield from _accounts(results, known)
        case "term":
            yield from _terms(results)
        case "course":
            yield from _blueprints(results, known)


def _accounts(results: Sequence[FileResult], known: SetKnowledge) -> Iterator[Fault]:
    """Find parents that no earlier row defines, and accounts that become their own ancestors."""
    read = {0}
    renamed_to = known.ids["account"].active - {key for each in results for _, key, *_ in each.links}
    parents: dict[int, int] = {}
    gone: set[int] = set()
    for result in results:
        for row, account, parent, deletes in result.links:
            if parent in gone:
                yield result, "account-parent-deleted", row, "parent_account_id"
            (gone.add if deletes else gone.discard)(account)
            if _is_above(account, parent, parents):
                yield result, "account-parent-loop", row, "parent_account_id"
            else:
                if parent not in read and parent not in renamed_to:
                    yield result, "account-parent-unknown", row, "parent_account_id"
                parents[account] = parent
            read.add(account)


def _is_above(account: int, parent: int, parents: dict[int, int]) -> bool:
    """Say whether an account is its new parent, or an ancestor of it. The known parents hold no loop."""
    while parent and parent != account:
        parent = parents.get(parent, 0)
    return parent == account


def _terms(results: Sequence[FileResult]) -> Iterator[Fault]:
    """Find date overrides of terms that no earlier row defines."""
    read = set()
    for result in results:
        for row, term, override, _ in result.links:
            if not override:
                read.add(term)
            elif term not in read:
                yield result, "term-override-on-new-term", row, "term_id"


def _blueprints(results: Sequence[FileResult], known: SetKnowledge) -> Iterator[Fault]:
    """Find blueprints that no row defines: Canvas links courses when all have been read."""
    for result in results:
        for row, _, blueprint, _ in result.links:
            if blueprint != DISSOCIATE and not known.ids["course"].has(blueprint):
                yield result, "course-blueprint-unknown", row, "blueprint_course_id"

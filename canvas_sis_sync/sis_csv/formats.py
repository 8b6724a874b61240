"""What a kind of SIS file is made of: the records that the table in `kinds` is written in.

Owns the words of the table and the two questions a record answers on its own. Leaves rules about whole rows to others.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

TRIMMED = "\0\t\n\v\f\r "
"""What Canvas trims from both ends of a value (CSV 4)."""

PROVIDERS = frozenset(
    {
        *("apple", "canvas", "cas", "classlink", "clever", "facebook", "github", "google", "ldap", "linkedin"),
        *("microsoft", "openid_connect", "saml", "saml_idp_discovery", "twitter"),
    }
)
"""Types of authentication provider that Canvas has, or had; a login names one of these or a number (CSV 10.8)."""
PASSWORD_COLUMNS = ("password", "ssha_password")


class ValueType(StrEnum):
    """What Canvas makes of a cell's text (CSV 7)."""

    TEXT = "text"
    ENUM = "enum"
    INTEGER = "integer"
    DATE = "date"
    BOOLEAN = "boolean"


class Strictness(StrEnum):
    """How much of a cell has to be one of the allowed words (CSV 7)."""

    #: The whole value is an allowed word.
    WHOLE = "whole"
    #: The value begins with an allowed word.
    PREFIX = "prefix"
    #: The value begins with an allowed word, but only the exact lower-case `deleted` deletes.
    PREFIX_EXACT_DELETED = "prefix-exact-deleted"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that Canvas reads in files of a kind (CSV 10)."""

    name: str
    type: ValueType = ValueType.TEXT
    #: True when a blank cell always fails its row.
    required: bool = False
    #: The words Canvas takes; empty when any text will do.
    allowed: tuple[str, ...] = ()
    strictness: Strictness = Strictness.WHOLE
    #: True when allowed words, or ids, are compared without regard to case.
    any_case: bool = False

    def accepts(self, value: str) -> bool:
        """Return whether a trimmed, non-empty value is one of the allowed words, as strictly as Canvas looks."""
        if self.any_case:
            value = value.lower()
        if self.strictness is Strictness.WHOLE:
            return not self.allowed or value in self.allowed
        return value.startswith(self.allowed)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of SIS file: how its header is recognized, what its rows hold and what identifies one (CSV 3, 10)."""

    #: Canvas's singular word, as in `data.supplied_batches`.
    name: str
    #: Canvas's plural word, as in `data.counts` (API 5).
    plural: str
    #: The customary file name, which Canvas does not look at.
    file_hint: str
    columns: Mapping[str, Column]
    #: Columns that must all be there.
    all_of: tuple[str, ...] = ()
    #: Groups of columns; of each group at least one must be there.
    any_of: tuple[tuple[str, ...], ...] = ()
    #: Columns that must not be there.
    none_of: tuple[str, ...] = ()
    #: Columns that identify a row when diffing (DIFF 4); empty for a kind that must not be diffed.
    key: tuple[str, ...] = ()

    @property
    def password_columns(self) -> tuple[str, ...]:
        """Columns that Canvas removes from the copy of a file it keeps (API 5)."""
        return tuple(name for name in PASSWORD_COLUMNS if name in self.columns)

    @property
    def id_columns(self) -> tuple[str, ...]:
        """Columns that hold ids: the object's own, and those of others."""
        return tuple(name for name in self.columns if name.endswith("_id") or name in self.key)

    def fits(self, names: Set[str]) -> bool:
        """Return whether a header with these trimmed, lower-case names satisfies this kind's rule (CSV 3)."""
        return (
            all(name in names for name in self.all_of)
            and all(any(name in names for name in group) for group in self.any_of)
            and not any(name in names for name in self.none_of)
        )

"""What a delivery is meant for: the import parameters and the knowledge that rules depend on.

Owns one value. Leaves reading settings and asking Canvas to others.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_PLACES = 1_000
"""Places kept of one rule, unless more are asked for."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How the files will be imported, and what is known beside them."""

    #: What is missing from the import is deleted, in one term or in all terms of the import (DIFF 9, 11).
    batch_mode: bool = False
    multi_term: bool = False
    #: The import is compared with an earlier one of the same data set (DIFF 1).
    diffing: bool = False
    #: Rows whose status contains `deleted` are ignored (CSV 9).
    skip_deletes: bool = False
    #: `update_sis_id_if_login_claimed`: a login that somebody else has is taken over (CSV 10.8).
    takes_over_logins: bool = False
    #: `override_sis_stickiness`: what was changed by hand is overwritten.
    overrides_stickiness: bool = False
    #: The set defines everything it refers to: an id that it does not define is an error instead of a warning.
    complete: bool = False
    #: Names of the custom roles, None when they are not known.
    roles: frozenset[str] | None = None
    #: SIS id of the user whose token runs the import, None when it is not known.
    own_user_sis_id: str | None = None
    #: Ids of rules that nobody wants to hear of.
    ignore: frozenset[str] = frozenset()
    #: Places that are kept of one rule; all are counted.
    most_places: int = MOST_PLACES

    @property
    def deletes_what_is_missing(self) -> bool:
        """Return whether batch mode is on, in either form."""
        return self.batch_mode or self.multi_term

"""What a delivery is meant for: the import parameters and the knowledge that rules depend on.

Owns one value. Leaves reading settings and asking Canvas to others.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from canvas_sis_sync.canvas.options import ImportOptions

MOST_PLACES = 1_000
"""Places kept of one rule, unless more are asked for."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How the files will be imported, and what is known beside them."""

    #: What Canvas is asked for.
    asked: ImportOptions = field(default_factory=ImportOptions)
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

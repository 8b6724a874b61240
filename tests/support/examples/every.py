"""The examples of all rules."""

from __future__ import annotations

from support.examples.files import COMMON, FILES, SETS
from support.examples.groups import GROUPS, TAGS
from support.examples.people import PEOPLE
from support.examples.structure import STRUCTURE
from support.samples import Example

EXAMPLES: dict[str, Example] = FILES | COMMON | SETS | STRUCTURE | PEOPLE | GROUPS | TAGS

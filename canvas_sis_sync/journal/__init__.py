"""The journal of a home, `archive/journal.sqlite3`."""

from canvas_sis_sync.journal.file import FILE_NAME, Waiting, glance
from canvas_sis_sync.journal.ledger import Journal, Sighting

__all__ = ["FILE_NAME", "Journal", "Sighting", "Waiting", "glance"]

"""Carry a student information system's CSV exports into Canvas LMS, and answer for the result."""

__version__ = "0.1.0"
REPOSITORY = "https://github.com/canvas-sis-sync/canvas-sis-sync"
DOCS = f"{REPOSITORY}/blob/main/docs"
"""Where the documentation is read; an installed program has none beside it."""

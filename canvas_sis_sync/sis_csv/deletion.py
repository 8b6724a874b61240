"""What Canvas deletes without a row of its own that says so (DIFF 9)."""

BATCH_MODE_KINDS = ("course", "section", "enrollment")
"""Kinds that batch mode deletes when they are missing."""
OWNERS = {"section": ("course",), "enrollment": ("course", "section", "user")}
"""Kinds whose objects Canvas deletes with others, and which those are."""

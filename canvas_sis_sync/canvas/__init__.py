"""The wire to Canvas: its SIS Imports API as typed questions and answers; the only importer of requests."""

from canvas_sis_sync.canvas.answers import Account, Offer, User
from canvas_sis_sync.canvas.client import Canvas, Confirmation, Retry
from canvas_sis_sync.canvas.upload import Progress

__all__ = ["Account", "Canvas", "Confirmation", "Offer", "Progress", "Retry", "User"]

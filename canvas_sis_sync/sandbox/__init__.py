"""A small Canvas on this machine: what the demo and the tests run against, and where a new feed is rehearsed.

Keeps the SIS Imports API as the fact sheet describes it, shares no rule with the program but the data of the file
formats, and misbehaves on request. Werkzeug is imported only when a `Sandbox` is made.
"""

from canvas_sis_sync.sandbox.faults import FAULTS
from canvas_sis_sync.sandbox.records import Import, Request
from canvas_sis_sync.sandbox.sandbox import Sandbox

__all__ = ["FAULTS", "Import", "Request", "Sandbox"]

"""`sis-sync sandbox`: a Canvas to practise on, until somebody stops it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress

from canvas_sis_sync.sandbox.sandbox import Sandbox


def serve(sandbox: Sandbox, ready: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told one line with address and token, fit to stand before a command.

    Raises UsageError when the port is taken.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt), sandbox:
            ready(f"The sandbox is ready: CANVAS_BASE_URL={sandbox.url} CANVAS_API_TOKEN={sandbox.token}")
            while True:
                time.sleep(3600)
    finally:
        signal.signal(signal.SIGTERM, before)

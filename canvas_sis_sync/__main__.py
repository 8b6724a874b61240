"""Run `python -m canvas_sis_sync` as if it were `sis-sync`."""

from canvas_sis_sync.cli import main

main()

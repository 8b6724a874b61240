"""What a batch is sent with: the import parameters configured, and those that are the batch's own."""

from __future__ import annotations

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.settings import Settings


def options_for(settings: Settings, batch: Batch | None = None) -> ImportOptions:
    """Return the import options of a batch, or of a drop that is none yet.

    A remaster asks for that too (DIFF 1), unless the settings name no data set any more.
    """
    options = ImportOptions(settings.import_parameters)
    if batch is not None and batch.remaster_of and options.data_set:
        return ImportOptions({**options.parameters, "diffing_remaster_data_set": "true"})
    return options

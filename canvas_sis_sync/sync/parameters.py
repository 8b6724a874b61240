"""The import parameters that a batch is sent with: those configured, and those that are the batch's own."""

from __future__ import annotations

from collections.abc import Mapping

from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.settings import Settings


def parameters_of(settings: Settings, batch: Batch | None = None) -> dict[str, str]:
    """Give the import parameters for a batch, or for a drop that is none yet, by Canvas's names (API 3.2).

    A remaster asks for that too (DIFF 1), unless the settings name no data set any more.
    """
    parameters = dict(settings.import_parameters)
    if batch is not None and batch.remaster_of and parameters.get("diffing_data_set_identifier"):
        parameters["diffing_remaster_data_set"] = "true"
    return parameters


def has_batch_mode(parameters: Mapping[str, str]) -> bool:
    """Say whether batch mode is asked for, of one term or of several (API 3.2)."""
    return parameters.get("batch_mode") == "true" or "multi_term_batch_mode" in parameters

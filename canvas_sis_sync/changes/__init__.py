"""A delivery against an earlier one: what its rows change, and what Canvas would make of that.

Owns the comparison by key, its size in memory and on disk, and the prediction of diffing and batch mode. Leaves to
others what is plausible. Section numbers with DIFF refer to the fact sheet on diffing and batch mode.
"""

from canvas_sis_sync.changes.batch_mode import predict_batch_mode
from canvas_sis_sync.changes.bounds import planned
from canvas_sis_sync.changes.canvas_diffing import DiffBase, choose_base, is_certain, predict_diffing, skips_removals
from canvas_sis_sync.changes.comparing import compare, compare_apart, compare_kind, recognised
from canvas_sis_sync.changes.differences import Sink
from canvas_sis_sync.changes.effects import predict_plain
from canvas_sis_sync.changes.merging import each_once, together

__all__ = [
    "DiffBase",
    "Sink",
    "choose_base",
    "compare",
    "compare_apart",
    "compare_kind",
    "each_once",
    "is_certain",
    "planned",
    "predict_batch_mode",
    "predict_diffing",
    "predict_plain",
    "recognised",
    "skips_removals",
    "together",
]

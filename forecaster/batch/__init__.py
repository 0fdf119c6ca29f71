"""Many files with one model: read in chunks, forecast together, written one by one."""

from __future__ import annotations

from forecaster.batch.execution import EXECUTIONS, Execution
from forecaster.batch.ledger import Entry, Ledger
from forecaster.batch.runner import ChunkResult, Job, Outcome, process_chunk, run
from forecaster.batch.tables import encode

__all__ = [
    "EXECUTIONS",
    "ChunkResult",
    "Entry",
    "Execution",
    "Job",
    "Ledger",
    "Outcome",
    "encode",
    "process_chunk",
    "run",
]

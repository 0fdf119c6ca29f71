"""Many files with one model: read in chunks, forecast together, written one by one."""

from __future__ import annotations

from forecaster.batch.ledger import Entry, Ledger
from forecaster.batch.runner import Job, Outcome, run
from forecaster.batch.tables import encode

__all__ = ["Entry", "Job", "Ledger", "Outcome", "encode", "run"]

"""What a tool of this package has counted, as a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 20
BAD = ("tracebacks", "not refused", "not finite", "executed", "opened outside", "over memory", "over time")


@dataclass
class Report:
    """What was counted, the largest figures, and the first things that should not have been."""

    counts: Counter[str] = field(default_factory=Counter)
    largest: dict[str, float] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def bad(self, what: str, where: str, told: object) -> None:
        """Count one thing that should not have been."""
        self.counts[what] += 1
        self.found.append(f"{where}: {what}: {told}")

    def most(self, what: str, value: float) -> None:
        """Keep the largest."""
        self.largest[what] = max(value, self.largest.get(what, 0.0))

    def add(self, other: Report) -> None:
        """Take in what another worker has counted."""
        self.counts += other.counts
        self.found += other.found
        for name, value in other.largest.items():
            self.most(name, value)

    @property
    def failed(self) -> bool:
        """Whether anything was as it should not be."""
        return any(self.counts[name] for name in BAD)

    def text(self) -> str:
        """Return the table."""
        rows = [(name, f"{count:,}") for name, count in self.counts.items() if name not in BAD]
        rows += [(name, f"{self.counts[name]:,}") for name in BAD]
        rows += [(name, f"{value:.2f}") for name, value in sorted(self.largest.items())]
        table = "\n".join(f"{name:34}{value:>12}" for name, value in rows)
        return "\n".join([table, *self.found[:SHOWN]])

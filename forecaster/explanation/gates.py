"""What the gates and states of a recurrent network do on a signal, and what each unit follows.

A unit follows the feature of the segments with which its value has the largest correlation over
many windows of the signal: how high a segment lies, how large it swings, how steeply it rises,
the same of earlier segments, or simply how many steps the window has taken.

Source: Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks" (2015),
for the share of saturated gates: below .1, above .9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
LOW, HIGH = 0.1, 0.9
CLEAR = 0.3
UNCLEAR = "nothing clear"
DELAYS = 3
MOST_SYMBOLS = 32


@dataclass(frozen=True)
class Quantity:
    """One gate or state of one layer.

    `values` (S, n) in the window that is explained; `follows` (n,) and `correlation` (n,) what
    each unit follows, by many windows; `low` and `high` the shares of all its values there below
    .1 and above .9 (of the magnitude, where it is no gate, and None where it is not bounded by 1).
    """

    layer: str
    name: str
    values: Array
    follows: tuple[str, ...]
    correlation: Array
    low: float | None
    high: float | None

    @property
    def is_gate(self) -> bool:
        """Whether it lies between 0, closed, and 1, open."""
        return self.name.endswith("gate")

    @property
    def order(self) -> NDArray[np.int64]:
        """The units (n,), those that follow the same thing together, the largest group first."""
        sizes = {name: self.follows.count(name) for name in self.follows}
        units = zip(self.follows, self.correlation, strict=True)
        keys = [(name == UNCLEAR, -sizes[name], name, -r) for name, r in units]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """What is followed and by how many units, in the order of `order`."""
        names = [self.follows[unit] for unit in self.order]
        return [(name, names.count(name)) for name in dict.fromkeys(names)]

    def to_json(self) -> dict[str, Any]:
        """Return the quantity as plain data."""
        follows = zip(self.follows, self.correlation.tolist(), strict=True)
        return {
            "layer": self.layer,
            "quantity": self.name,
            "units": self.values.shape[1],
            "share_below_0.1": self.low,
            "share_above_0.9": self.high,
            "groups": [{"follows": name, "units": count} for name, count in self.groups],
            "units_follow": [{"follows": name, "correlation": round(r, 4)} for name, r in follows],
            "values": [[float(f"{value:.4g}") for value in row] for row in self.values.tolist()],
        }


def quantities(
    shown: dict[str, dict[str, Array]], many: dict[str, dict[str, Array]], features: dict[str, Array]
) -> list[Quantity]:
    """Join the trace of the explained window (1, S, n), that of many (W, S, n), and their `features`, each (W, S)."""
    found = []
    for layer, traced in shown.items():
        for name, values in traced.items():
            follows, correlation = followed(many[layer][name], features)
            low, high = saturated(many[layer][name], gate=name.endswith("gate"))
            found.append(Quantity(layer, name, values[0], follows, correlation, low, high))
    return found


def features_of(segments: Array) -> dict[str, Array]:
    """Return what can be followed, each (W, S): NaN where a window has no earlier segment."""
    samples = segments.shape[2]
    level, size = segments.mean(axis=2), segments.std(axis=2)
    half = max(1, samples // 2)
    found = {"the segment's level": level}
    if samples > 1:
        found["the segment's size"] = size
        found["the segment's rise"] = segments[:, :, -half:].mean(axis=2) - segments[:, :, :half].mean(axis=2)
    for delay in range(1, min(DELAYS, segments.shape[1] - 2) + 1):
        found[f"the level {delay} segment{'s' if delay > 1 else ''} ago"] = _delayed(level, delay)
    steps = np.broadcast_to(np.arange(segments.shape[1], dtype=float), level.shape)
    return found | ({"steps since the window began": steps} if segments.shape[1] > 1 else {})


def symbols_of(codes: Array, alphabet: Sequence[str]) -> dict[str, Array]:
    """Return for codes (W, S) where each symbol stands, and where it stood one step before, each (W, S).

    Of a large alphabet the `MOST_SYMBOLS` that stand there most often.
    """
    counts = np.bincount(codes.astype(np.int64).ravel(), minlength=len(alphabet))
    frequent = sorted(np.argsort(-counts, kind="stable")[:MOST_SYMBOLS].tolist())
    found = {f"the symbol {alphabet[k]}": (codes == k).astype(float) for k in frequent}
    return found | {f"{name} one step ago": _delayed(there, 1) for name, there in found.items()}


def followed(values: Array, features: dict[str, Array]) -> tuple[tuple[str, ...], Array]:
    """Return what each unit of `values` (W, S, n) follows, and the correlation (n,).

    >>> x = np.random.default_rng(0).normal(size=(50, 8))
    >>> followed(-x[:, :, None], {"x": x, "noise": x[::-1]})[0]
    ('x',)
    """
    units = values.reshape(-1, values.shape[2]).astype(np.float64)
    correlations = np.stack([_correlation(units, feature.reshape(-1)) for feature in features.values()])
    best = np.abs(correlations).argmax(axis=0)
    r = correlations[best, np.arange(len(best))]
    names = list(features)
    return tuple(names[k] if abs(c) >= CLEAR else UNCLEAR for k, c in zip(best, r, strict=True)), r


def saturated(values: Array, *, gate: bool) -> tuple[float | None, float | None]:
    """Return the shares below .1 and above .9: of a gate, or of the magnitude of what is bounded by 1."""
    size = values if gate else np.abs(values)
    if size.max() > 1:
        return None, None
    return float(np.mean(size < LOW)), float(np.mean(size > HIGH))


def summary(found: Sequence[Quantity]) -> list[list[str]]:
    """Return a row for each gate and state: layer, name, saturated shares, and what most units follow."""
    rows = []
    for one in found:
        shares = ["-" if share is None else f"{100 * share:.0f} %" for share in (one.low, one.high)]
        most = ", ".join(f"{count} {name}" for name, count in one.groups[:2])
        rows.append([one.layer, one.name, *shares, most])
    width = max((len(row[-1]) for row in rows), default=0)
    return [[*row[:-1], row[-1].ljust(width)] for row in rows]


def _delayed(level: Array, delay: int) -> Array:
    found = np.full(level.shape, np.nan)
    found[:, delay:] = level[:, :-delay]
    return found


def _correlation(units: Array, feature: Array) -> Array:
    """Return the correlation of each column of `units` (M, n) with `feature` (M,), 0 where either is constant."""
    known = np.isfinite(feature)
    x, y = units[known] - units[known].mean(axis=0), feature[known] - feature[known].mean()
    scale = np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum())
    return np.divide(y @ x, scale, out=np.zeros(x.shape[1]), where=scale > 1e-12)

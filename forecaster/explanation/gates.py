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
# A gate below the first is nearly closed, one above the second nearly open.
LOW, HIGH = 0.1, 0.9
# The least correlation, in magnitude, at which a unit is said to follow a feature.
CLEAR = 0.3
UNCLEAR = "nothing clear"


@dataclass(frozen=True)
class Quantity:
    """One gate or state of one layer.

    `values` (S, n) are those of its n units in the window that is explained. Measured over many windows, each unit
    `follows` (n,) a feature with a `correlation` (n,), and `low` and `high` are the shares of its values below .1 and
    above .9: of the magnitude where it is no gate, and None where the magnitude is not bounded by 1.
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
    explained: dict[str, dict[str, Array]], traced: dict[str, dict[str, Array]], features: dict[str, Array]
) -> list[Quantity]:
    """Return every gate and state of a trace.

    `explained` is the trace of the explained window, by layer and name (1, S, n); `traced` that of many windows, each
    (W, S, n); `features` are what units may follow in those, each (W, S).
    """
    listed = []
    for layer, values_by_name in explained.items():
        for name, values in values_by_name.items():
            follows, correlation = followed(traced[layer][name], features)
            low, high = saturated(traced[layer][name], gate=name.endswith("gate"))
            listed.append(Quantity(layer, name, values[0], follows, correlation, low, high))
    return listed


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


def summary(listed: Sequence[Quantity]) -> list[list[str]]:
    """Return a row for each gate and state: layer, name, saturated shares, and what most units follow."""
    rows = []
    for quantity in listed:
        shares = ["-" if share is None else f"{100 * share:.0f} %" for share in (quantity.low, quantity.high)]
        most = ", ".join(f"{count} {name}" for name, count in quantity.groups[:2])
        rows.append([quantity.layer, quantity.name, *shares, most])
    # A table aligns all but its first column to the right; this text is to begin at the left.
    width = max((len(row[-1]) for row in rows), default=0)
    return [[*row[:-1], row[-1].ljust(width)] for row in rows]


def _correlation(units: Array, feature: Array) -> Array:
    """Return the correlation of each column of `units` (M, n) with `feature` (M,), 0 where either is constant."""
    defined = np.isfinite(feature)
    x, y = units[defined] - units[defined].mean(axis=0), feature[defined] - feature[defined].mean()
    scale = np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum())
    return np.divide(y @ x, scale, out=np.zeros(x.shape[1]), where=scale > 1e-12)

"""Level shifts: a context in which the level jumps as it never did in the training part, taken to its new level.

A sensor that is moved or a machine that is set otherwise shifts the level from one sample to the next. Until the
context has passed the shift, a part of it lies at a level that will not come back. That part is moved by the size of
the shift, so that what is forecast sees one level.

Source: Chen and Liu, "Joint Estimation of Model Parameters and Outlier Effects in Time Series" (1993), for the effect
of a level shift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# A jump is a shift if it is so many times the largest of the training part, and so many times the median of its own
# context; and if so much of it lasts, and no more than it explains.
JUMP, OUTSTANDING, LASTING = 1.5, 4.0, 0.5
# The samples that must have been recorded since a shift, and before it.
FEWEST = 3


def largest_jump(stretch: NDArray[np.floating]) -> float:
    """Return the largest difference between neighbours of a `stretch` (T,); 0 if it has none."""
    return float(np.abs(np.diff(stretch.astype(np.float64))).max(initial=0.0))


def without_shift(contexts: Array, largest: Array, n_input: int) -> Array:
    """Return `contexts` (B, L), those rows with a level shift at the level after it; the same array if there is none.

    Args:
        contexts: What is forecast from.
        largest: The largest jump of the training part, for each row (B,).
        n_input: The samples before and after a shift by whose means it is measured, at most.

    >>> without_shift(np.array([[0.0, 1, 0, 1, 9, 10, 9, 10]]), np.array([1.0]), 4).tolist()
    [[9.0, 10.0, 9.0, 10.0, 9.0, 10.0, 9.0, 10.0]]
    """
    jumps = np.diff(contexts, axis=1)
    shifted = contexts
    sizes = np.abs(jumps)
    least = np.maximum(JUMP * largest, OUTSTANDING * np.median(sizes, axis=1)) if sizes.shape[1] else largest
    for row in np.flatnonzero(sizes.max(axis=1, initial=0.0) > least):
        begin = int(np.abs(jumps[row]).argmax()) + 1
        size = _size(contexts[row], begin, n_input)
        if abs(size) > JUMP * largest[row]:
            shifted = contexts.copy() if shifted is contexts else shifted
            shifted[row, :begin] += size
    return shifted


def _size(context: Array, begin: int, n_input: int) -> float:
    """Return the size of the shift at row `begin` of a `context` (L,); 0 if it does not last."""
    span = min(begin, len(context) - begin, n_input)
    if span < FEWEST:
        return 0.0
    jump = float(context[begin] - context[begin - 1])
    before, after = float(context[begin - span : begin].mean()), float(context[begin : begin + span].mean())
    change = after - before
    # A level that moved on by itself changed by more than its jump; one that came back is at its old level again.
    is_lasting = LASTING <= change / jump <= 1 / LASTING
    if not is_lasting or abs(context[-1] - after) > abs(context[-1] - before):
        return 0.0
    # Means over less than a segment are those of different phases.
    return change if span == n_input else jump

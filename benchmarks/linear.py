"""The linear path: ridge regression from 2,500 samples to the next 100, in closed form.

The program sums over every window of a recording by a recursion, so that no window is laid out;
scikit-learn's Ridge takes a matrix of windows, of which there are as many as fit. Both solve for one
alpha (the program's `train` solves for 13, twice); seconds, and peak memory beyond the signal and the libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import _measure as measure
import numpy as np

S, N, TAPS = 25, 100, 2500
Fit = Callable[[np.ndarray], np.ndarray]


def rows(quick: bool) -> int:
    """Return the length of the signal."""
    return 40_000 if quick else 10**7


def windows_that_fit(quick: bool) -> int:
    """Return how many windows scikit-learn gets: .5 GB of them in single precision."""
    return 2000 if quick else 50_000


def recursion(signal: np.ndarray) -> np.ndarray:
    """Sum over every window as the program does, and solve."""
    from scipy.linalg import cho_factor, cho_solve

    from forecaster.config import Window
    from forecaster.predictors.fitting import Gram
    from forecaster.signal.windows import Runs, Windows

    zero, length = np.zeros(1, np.int64), np.array([len(signal)], np.int64)
    runs = Runs(signal, zero, length, zero, np.empty((0, 0), np.float32), zero)
    gram = Gram.of(Windows.between(runs, (zero, length), Window(n_step=S, n_input=N)), TAPS)
    moments = gram.centred(gram.mean)
    return cho_solve(cho_factor(moments[:TAPS, :TAPS] + np.eye(TAPS)), moments[:TAPS, TAPS:])


def scikit_learn(quick: bool, *, stride: int = 1) -> Fit:
    """Return scikit-learn's Ridge on as many windows as fit, `stride` samples apart."""

    def fit(signal: np.ndarray) -> np.ndarray:
        from sklearn.linear_model import Ridge

        laid_out = np.lib.stride_tricks.sliding_window_view(signal, TAPS + N)[::stride][: windows_that_fit(quick)]
        return Ridge(alpha=1.0).fit(laid_out[:, :TAPS], laid_out[:, TAPS:]).coef_.T

    return fit


def contender(fit: Callable[[bool], Fit]) -> measure.Make:
    """Fit and measure."""

    def prepared(work: Path, quick: bool) -> measure.Run:
        signal, chosen = measure.rotor(rows(quick)), fit(quick)
        import scipy.linalg
        import sklearn.linear_model  # noqa: F401  (their import is not the fit's)

        scipy.linalg.cho_factor(np.eye(2))

        def run() -> dict[str, float]:
            memory = measure.Memory()
            if chosen(signal).shape != (TAPS, N):
                raise SystemExit("The kernel has another shape.")
            return {"extra_mb": memory.extra_mb()}

        return run

    return prepared


CONTENDERS = {
    "forecaster, every window": contender(lambda quick: recursion),
    "scikit-learn, windows that fit": contender(scikit_learn),
    "scikit-learn, as many, 100 apart": contender(lambda quick: scikit_learn(quick, stride=100)),
}


def report(results: dict[str, measure.Result], work: Path, quick: bool) -> None:
    """Print seconds and memory beside how many windows were learned from."""
    every, some = rows(quick) - TAPS - N + 1, windows_that_fit(quick)
    counts = (every, some, min(some, -(-every // 100)))
    header = (f"{rows(quick):,} samples", "windows", "s", "range", "extra memory, MB")
    lines = [
        (name, f"{count:,}", one.median(), one.spread(), max(one.of("extra_mb")))
        for (name, one), count in zip(results.items(), counts, strict=True)
    ]
    measure.table(header, lines)
    print(f"\nAll windows laid out in single precision: {every * (TAPS + N) * 4 / 1e9:,.1f} GB.")


if __name__ == "__main__":
    measure.main(__doc__, CONTENDERS, report, rounds=3)

"""The split of a recording into training, validation and test part: it partitions targets.

Every training target ends before validation begins, and every validation target before the
test part begins. The context of a validation or test target may reach back into the earlier
parts, as it does in use.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecaster.config import Split, Window
from forecaster.signal.windows import Windows


def boundaries(rows: int, split: Split) -> tuple[int, int]:
    """Return the rows at which validation (b1) and test (b2) begin in a recording.

    Training targets lie in ``[0, b1)``, validation targets in ``[b1, b2)``, test targets in
    ``[b2, rows)``.

    >>> boundaries(62_000, Split())
    (43400, 52700)
    >>> boundaries(1000, Split(training=85, validation=15, test=0))
    (850, 1000)
    """
    b1 = round(rows * split.training / 100)
    b2 = round(rows * (split.training + split.validation) / 100)
    return b1, b2


def chosen_until(b1: int, b2: int, n_input: int) -> int:
    """Return the row of the validation part ``[b1, b2)`` until which its targets choose among states and penalties.

    What comes after it is the last third, or, where that is shorter than two segments, as much as two segments
    and half of the part. Where half of it holds no segment, all of it chooses, and there are no bands: the row is b2.

    >>> chosen_until(43_400, 52_700, 100), chosen_until(70, 85, 5), chosen_until(70, 85, 10)
    (49600, 78, 85)
    """
    rows = b2 - b1
    after = max(rows // 3, min(2 * n_input, rows // 2))
    return b2 - after if after >= n_input else b2


@dataclass(frozen=True)
class WindowSplits:
    """The windows of the training and the validation part.

    Attributes:
        training: What a predictor learns from.
        validation: What chooses states and penalties: the first two thirds of the validation part.
        last_fold: Its last third, which chooses nothing; None: there is none. Both find the weights of an ensemble and
            calibrate the bands.
    """

    training: Windows
    validation: Windows
    last_fold: Windows | None = None

    def farther(self, ahead: int) -> WindowSplits:
        """Return the splits with targets of `ahead` segments."""
        return WindowSplits(self.training.farther(ahead), self.validation.farther(ahead))

    def whole_validation(self) -> Windows:
        """Return the windows of the whole validation part."""
        return self.validation if self.last_fold is None else self.validation.through(self.last_fold)

    def folds(self) -> list[Windows]:
        """Return the validation part in thirds, each of which is judged by what was found without it.

        The first two are one where they are too short; there are none where no recording is long enough for the last.
        """
        if self.last_fold is None or not len(self.last_fold):
            return []
        return [fold for fold in (*self.validation.halves(), self.last_fold) if len(fold)]

    @property
    def window(self) -> Window:
        """The window that all parts share."""
        return self.training.window

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        return self.training.runs.channels

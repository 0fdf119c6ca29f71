"""Signals from pandas DataFrames: a column a channel, or the long form (unique_id, ds, y) with several series.

A frame must be regular and complete; one that is not is refused with the pandas call that mends it. Files have the
strict reader of `forecaster.reading`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import SignalError
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis, months_error, rate_error

if TYPE_CHECKING:
    import pandas as pd

LONG = ("unique_id", "ds", "y")
# A stamp may lie this share of a step off the regular grid: as much as the rounding of stamps does.
JITTER = 0.05


def as_signals(data: Signal | Sequence[Signal] | pd.DataFrame, **options: Any) -> list[Signal]:
    """Return what the Python API was given as signals: one, several, or a frame with its `options`."""
    if isinstance(data, Signal):
        return [data]
    if is_frame(data):
        return signals_from(data, **{key: value for key, value in options.items() if value is not None})
    return list(cast("Sequence[Signal]", data))


def is_frame(data: object) -> TypeGuard[pd.DataFrame]:
    """Return whether `data` is a pandas DataFrame, without the import of pandas."""
    return hasattr(data, "columns") and hasattr(data, "iloc")


def signals_from(frame: pd.DataFrame, **options: Any) -> list[Signal]:
    """Return the signals of a frame: one a series of a long frame (unique_id, ds, y), else one.

    `options` are those of `signal_from`.
    """
    if not set(LONG) <= set(frame.columns):
        return [signal_from(frame, **options)]
    columns = {**options, "time": "ds", "channels": ["y"]}
    series = frame.groupby("unique_id", sort=False)
    return [signal_from(rows.drop(columns="unique_id"), **{**columns, "name": str(name)}) for name, rows in series]


def signal_from(
    frame: pd.DataFrame,
    *,
    time: str | None = None,
    channels: Sequence[str] | str | None = None,
    unit: str | Mapping[str, str] | None = None,
    rate_hz: float | None = None,
    past_covariates: Sequence[str] = (),
    future_covariates: Sequence[str] = (),
    name: str = "",
) -> Signal:
    """Return a frame as a signal; the arguments and errors are those of `Signal.from_frame`."""
    where = name or "the frame"
    stamps, time_column = _stamps(frame, time, where)
    covariates = [*past_covariates, *future_covariates]
    targets = [channels] if isinstance(channels, str) else list(channels or _numeric(frame, {time_column, *covariates}))
    values = _values(frame, [*targets, *covariates], where)
    rows = _measured_rows(values[:, : len(targets)]) if future_covariates else len(values)
    _check_complete(values[:rows], [*targets, *covariates], where)
    axis, rate, error = _axis(stamps, rate_hz, where)
    later = values[rows:, len(values[0]) - len(future_covariates) :] if future_covariates else None
    units = tuple((unit if isinstance(unit, str) else (unit or {}).get(target, "")) for target in targets)
    covariate_units = tuple("" if unit is None or isinstance(unit, str) else unit.get(name, "") for name in covariates)
    return Signal(
        name=name or (str(targets[0]) if len(targets) == 1 else ""),
        channels=tuple(map(str, targets)),
        recordings=(Recording(np.ascontiguousarray(values[:rows]), axis, future=later),),
        units=units,
        sample_rate_hz=rate,
        rate_error=error,
        rows=rows,
        exogenous=tuple(covariates),
        covariate_units=covariate_units if any(covariate_units) else (),
        known=len(future_covariates),
    )


def _numeric(frame: pd.DataFrame, but: set[str | None]) -> list[str]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    columns = [column for column in frame.columns if column not in but]
    return [c for c in columns if is_numeric_dtype(frame[c].dtype) and not is_bool_dtype(frame[c].dtype)]


def _values(frame: pd.DataFrame, columns: Sequence[str], name: str) -> NDArray[np.float64]:
    """Return `columns` (T, C + X) in double precision."""
    absent = [column for column in columns if column not in frame.columns]
    if absent or not columns:
        problem = f"it has no column {', '.join(map(repr, absent))}" if absent else "it has no column of numbers"
        raise SignalError(problem, path=name, expected=f"one of its columns: {', '.join(map(str, frame.columns))}")
    numeric = set(_numeric(frame, set()))
    for column in columns:
        if column not in numeric:
            problem = f"{frame[column].dtype} values"
            raise SignalError(problem, path=name, column=str(column), expected="numbers", hint="Use pandas.to_numeric.")
    return frame[list(columns)].to_numpy(dtype=np.float64)


def _measured_rows(targets: NDArray[np.float64]) -> int:
    """Return how many rows there are up to the last one in which a target (T, C) has a value."""
    measured = np.flatnonzero(~np.isnan(targets).all(axis=1))
    return int(measured[-1]) + 1 if len(measured) else 0


def _check_complete(values: NDArray[np.float64], columns: Sequence[str], name: str) -> None:
    """Raise SignalError for the first value of (T, C + X) that is missing or infinite."""
    if not len(values):
        raise SignalError("it has no rows", path=name, expected="a row a sample")
    rows, places = np.nonzero(~np.isfinite(values))
    if len(rows):
        raise SignalError(
            f"{values[rows[0], places[0]]} in row {rows[0]}, one of {len(rows)} cells without a number",
            path=name,
            column=str(columns[places[0]]),
            expected="a number in every row",
            hint="Fill them, with frame.interpolate() say, or keep the longest stretch without any.",
        )


def _stamps(frame: pd.DataFrame, time: str | None, name: str) -> tuple[Any, str | None]:
    """Return the stamps as a DatetimeIndex or an array of seconds, None where there is no time, and their column."""
    import pandas as pd
    from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

    if time is None and isinstance(frame.index, pd.DatetimeIndex):
        return frame.index, None
    time = time or _time_column(frame, name)
    if time is None:
        return None, None
    if time not in frame.columns and frame.index.name != time:
        raise SignalError(f"it has no column {time!r}", path=name, expected="the column that time= names")
    column = frame[time] if time in frame.columns else frame.index.to_series()
    if is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64), time
    form = None if is_datetime64_any_dtype(column.dtype) else "ISO8601"
    try:
        return pd.DatetimeIndex(pd.to_datetime(column, format=form)), time
    except (ValueError, TypeError):
        hint = f"Read it with pandas.to_datetime(frame[{time!r}], format=...) first."
        raise SignalError(
            f"texts such as {str(column.iloc[0])!r}", path=name, column=time, expected="ISO 8601 dates", hint=hint
        ) from None


def _time_column(frame: pd.DataFrame, name: str) -> str | None:
    """Return the one column of datetimes, or else of texts; None without any, SignalError for several."""
    from pandas.api.types import is_datetime64_any_dtype, is_object_dtype, is_string_dtype

    dated = [column for column in frame.columns if is_datetime64_any_dtype(frame[column].dtype)]
    texts = [c for c in frame.columns if is_string_dtype(frame[c].dtype) or is_object_dtype(frame[c].dtype)]
    candidates = dated or texts
    if len(candidates) > 1:
        problem = f"{len(candidates)} columns that may be the time: {', '.join(map(str, candidates))}"
        raise SignalError(problem, path=name, expected="one", hint="Name it with time=.")
    return candidates[0] if candidates else None


def _axis(stamps: Any, rate_hz: float | None, name: str) -> tuple[TimeAxis, float | None, float]:
    """Return the regular axis of `stamps`, the sample rate, and the share by which the stamps leave it open."""
    if stamps is None:
        return TimeAxis(), rate_hz, 0.0
    if rate_hz is not None:
        raise SignalError("a time and rate_hz=", path=name, expected="one of them", hint="Leave out rate_hz=.")
    if isinstance(stamps, np.ndarray):
        _check_steps(stamps, name)
        step = float(stamps[-1] - stamps[0]) / max(1, len(stamps) - 1) or 1.0
        return TimeAxis("seconds", float(stamps[0]), step), 1 / step, _error(stamps)
    offset = "" if stamps.tz is None else "+00:00"
    utc = stamps.tz_convert("UTC").tz_localize(None) if offset else stamps
    instants = utc.to_numpy().astype("datetime64[ns]").astype(np.int64)
    if calendar := _calendar_step(instants):
        axis = TimeAxis("timestamps", int(instants[0]), 1, offset, calendar)
        return axis, _rate(instants), months_error(calendar)
    _check_steps(instants.astype(np.float64), name)
    span, count = int(instants[-1] - instants[0]), max(1, len(instants) - 1)
    step_ns = span // count if span % count == 0 else span / count
    return TimeAxis("timestamps", int(instants[0]), step_ns or 1, offset), _rate(instants), _error(instants)


def _rate(instants: NDArray[np.int64]) -> float | None:
    return (len(instants) - 1) * 1e9 / float(instants[-1] - instants[0]) if len(instants) > 1 else None


def _error(stamps: NDArray[Any]) -> float:
    return rate_error(stamps, np.diff(stamps).astype(np.float64)) if len(stamps) > 1 else 0.0


def _calendar_step(instants: NDArray[np.int64]) -> str | None:
    """Return the pandas alias of steps by months, such as MS or 3ME, or None."""
    stamps = instants.astype("datetime64[ns]")
    months = stamps.astype("datetime64[M]")
    steps = np.unique(np.diff(months).astype(np.int64))
    if len(steps) != 1 or steps[0] < 1 or len(np.unique(np.diff(instants))) == 1:
        return None
    count = "" if steps[0] == 1 else str(steps[0])
    if len(np.unique(stamps - months)) == 1:
        return f"{count}MS"
    return f"{count}ME" if len(np.unique((months + 1).astype("datetime64[ns]") - stamps)) == 1 else None


def _check_steps(stamps: NDArray[np.float64], name: str) -> None:
    """Raise SignalError unless `stamps` (T,) rise at equal steps, up to the rounding of stamps."""
    steps = np.diff(stamps)
    if not len(steps):
        return
    if steps.min() <= 0:
        row = int(np.argmax(steps <= 0)) + 1
        problem = f"the stamp of row {row} is not after the one before"
        hint = "Use frame.sort_values(time), and frame.drop_duplicates(time) or a mean of each stamp."
        raise SignalError(problem, path=name, expected="rising stamps", hint=hint)
    grid = stamps[0] + np.arange(len(stamps)) * (stamps[-1] - stamps[0]) / len(steps)
    off = np.abs(stamps - grid) > JITTER * np.median(steps)
    if off.any():
        row = int(np.argmax(np.abs(steps - np.median(steps)) > JITTER * np.median(steps))) + 1
        problem = f"a step of another length at row {row}"
        hint = "Use frame.set_index(time).resample(...).mean(), or keep a stretch without a gap."
        raise SignalError(problem, path=name, expected="equal steps of time", hint=hint)

"""The made-up signals: the same bytes every time, and what they claim to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.signal import synthesis

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "rotor.csv"


def test_the_shipped_signal_is_what_its_readme_says() -> None:
    assert SHIPPED.read_bytes() == synthesis.to_csv("rotor", 20000, 1000.0, 1)
    assert SHIPPED.stat().st_size < 600_000


@pytest.mark.parametrize("kind", synthesis.KINDS)
def test_a_seed_gives_one_signal(kind: str) -> None:
    generate = synthesis.KINDS[kind][0]
    assert np.array_equal(generate(500, 3), generate(500, 3))
    assert not np.array_equal(generate(500, 3), generate(500, 4))


def test_the_rotor_turns_at_its_speed_and_its_gear_meshes() -> None:
    power = np.abs(np.fft.rfft(synthesis.rotor(20000, 1))) ** 2
    per_sample = np.fft.rfftfreq(20000)

    def share(order: float) -> float:
        near = np.abs(per_sample / synthesis.SHAFT_CYCLES_PER_SAMPLE / order - 1) < 0.05
        return float(power[near].sum() / power[1:].sum())

    assert share(1) > 0.2
    assert share(2) > 0.4
    assert share(synthesis.TEETH) > 0.01
    assert share(5.5) < 0.01


def test_the_speed_wanders_so_that_a_distant_period_does_not_repeat() -> None:
    values = synthesis.rotor(20000, 1)
    near = np.mean((values[42:] - values[:-42]) ** 2) / values.var()
    far = np.mean((values[834:] - values[:-834]) ** 2) / values.var()
    assert near < 0.3
    assert far > 1


@given(rows=st.integers(1, 40), rate_hz=st.floats(0.01, 1e5), seed=st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_the_csv_reads_back_on_a_regular_time_axis(rows: int, rate_hz: float, seed: int) -> None:
    header, *lines = synthesis.to_csv("rotor", rows, rate_hz, seed).decode().splitlines()
    assert header == "time (s),acceleration (m/s^2)"
    table = np.array([[float(cell) for cell in line.split(",")] for line in lines])
    assert table.shape == (rows, 2)
    assert np.allclose(table[:, 0] * rate_hz, np.arange(rows), atol=1e-3)
    assert np.allclose(table[:, 1], synthesis.rotor(rows, seed), rtol=1e-4)


def test_the_steps_of_a_decimal_rate_are_exact() -> None:
    stamps = [line.split(",")[0] for line in synthesis.to_csv("sine", 4, 2000.0, 0).decode().splitlines()[1:]]
    assert stamps == ["0.0000", "0.0005", "0.0010", "0.0015"]

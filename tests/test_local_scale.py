"""The local scale: about 1 where nothing has changed, and nothing after the origin is looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import forecaster.conformal.local_scale
from forecaster.config import Window
from forecaster.conformal.local_scale import LARGEST, LOOKBACK, local_scale
from forecaster.signal.origins import Origins

WINDOW = Window(n_step=2, n_input=5)
(_, NEAR), (MANY, FAR) = LOOKBACK


def nothing(origins, horizon):
    """Forecast 0 everywhere."""
    return np.zeros((sum(len(one) for one in origins), horizon))


def scales(values, rows, horizon, *, reference=1.0, made=nothing, lookback=LOOKBACK, seamless=False):
    origins, reference_mse = [Origins(values, 0, np.asarray(rows))], np.full(len(rows), reference)
    return local_scale(made, origins, WINDOW, reference_mse, horizon=horizon, lookback=lookback, seamless=seamless)


def scale(values, rows, reference=1.0, made=nothing, horizon=1):
    found = scales(values, rows, horizon, reference=reference, made=made)
    assert found.shape == (len(rows), horizon)
    return found[:, -1]


def test_it_is_the_root_of_the_mean_error_of_the_last_two_segments_and_the_usual():
    values = np.repeat([9.0, 9.0, 2.0, 3.0, 9.0], 5)  # rows 10 to 14 err by 2, 15 to 19 by 3
    assert scale(values, [20])[0] == pytest.approx(np.sqrt((NEAR + 4 + 9) / (NEAR + 2)))
    assert scale(values, [20], 4.0)[0] == pytest.approx(np.sqrt((NEAR + 1 + 9 / 4) / (NEAR + 2)))


def test_more_segments_count_in_what_is_fed_back():
    values = np.repeat([9.0, 9.0, *range(1, MANY + 2)], 5)  # those before the row err by MANY, MANY - 1, ...
    squares = np.square(np.arange(MANY, 0, -1))
    row = 5 * (MANY + 2)
    near, far = np.sqrt((NEAR + squares[:2].sum()) / (NEAR + 2)), np.sqrt((FAR + squares.sum()) / (FAR + MANY))
    assert scale(values, [row], horizon=5)[0] == pytest.approx(near)
    assert scale(values, [row], horizon=6)[0] == pytest.approx(far)
    own = scales(values, [row], 6, lookback=((1, 1), (2, 3)))
    assert own[0] == pytest.approx(np.sqrt([(1 + 64) / 2] * 5 + [(3 + 64 + 49) / 5]))


def test_a_segment_without_a_context_before_it_does_not_count():
    values = np.repeat([9.0, 9.0, 2.0, 3.0, 9.0], 5)
    assert scale(values, [15])[0] == pytest.approx(np.sqrt((NEAR + 4) / (NEAR + 1)))
    assert scale(values, [10, 14]).tolist() == [1, 1]


@given(row=st.integers(10, 60), seed=st.integers(0, 99), horizon=st.sampled_from([1, 6]))
def test_what_comes_after_the_origin_changes_nothing(row, seed, horizon):
    rng = np.random.default_rng(seed)
    one = rng.normal(size=80)
    other = np.concatenate((one[:row], rng.normal(size=80 - row) * 1e6))
    assert scale(one, [row], horizon=horizon).tobytes() == scale(other, [row], horizon=horizon).tobytes()


@pytest.mark.parametrize("at_once", [1, 25, 4_000_000])
@given(rows=st.lists(st.integers(10, 75), min_size=1, max_size=12, unique=True), horizon=st.sampled_from([1, 6]))
def test_alone_and_among_others_it_is_the_same(at_once, rows, horizon):
    values = np.random.default_rng(1).normal(size=80)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forecaster.conformal.local_scale, "AT_ONCE", at_once)
        together = scale(values, sorted(rows), horizon=horizon)
    assert together.tolist() == [scale(values, [row], horizon=horizon)[0] for row in sorted(rows)]


def test_no_more_contexts_than_fit_are_looked_at_together(monkeypatch):
    asked = []

    def made(origins, horizon):
        asked.append(sum(map(len, origins)))
        return nothing(origins, horizon)

    monkeypatch.setattr(forecaster.conformal.local_scale, "AT_ONCE", 3 * WINDOW.context)
    scale(np.zeros(300), np.arange(100, 300, 7), made=made, horizon=6)
    assert max(asked) <= 3 < len(asked)


def test_from_the_next_segment_to_the_recursive_ones_it_passes_smoothly():
    values = np.repeat([9.0, 9.0, *range(1, MANY + 2)], 5)
    plain, smooth = (scales(values, [50], 15, seamless=seamless)[0] for seamless in (False, True))
    assert smooth[:5].tolist() == plain[:5].tolist()
    assert smooth[10:].tolist() == plain[10:].tolist()
    steps = np.diff(smooth[4:11])
    assert steps == pytest.approx(np.full(6, (plain[10] - plain[4]) / 6))


def test_several_channels_have_their_own_usual_error():
    values = np.full(40, 2.0)
    origins = [Origins(values, channel, np.array([30])) for channel in (0, 1)]
    found = local_scale(nothing, origins, WINDOW, np.array([4.0, 1.0]), horizon=1, lookback=LOOKBACK)
    assert found[:, 0] == pytest.approx([1, np.sqrt((NEAR + 8) / (NEAR + 2))])


@pytest.mark.parametrize("usual", [0.0, np.inf])
@pytest.mark.parametrize("horizon", [1, 6])
def test_without_a_usual_error_the_bands_stay_as_they_are(usual, horizon):
    assert scale(np.full(40, 2.0), [30], usual, horizon=horizon).tolist() == [1]


@pytest.mark.parametrize("horizon", [1, 6])
@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e200])
def test_a_forecast_that_ran_away_widens_without_end_of_the_numbers(bad, horizon):
    def made(origins, horizon):
        return np.full((sum(len(one) for one in origins), horizon), bad)

    assert scale(np.zeros(40), [30], made=made, horizon=horizon).tolist() == [LARGEST]

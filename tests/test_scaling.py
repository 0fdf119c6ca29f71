import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecaster.signal.scaling import Scaler

values = arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.floats(-1e6, 1e6, width=32))


@settings(deadline=None)
@given(values)
def test_transform_and_back(part):
    scaler = Scaler.fit([part])
    channel = np.arange(part.shape[1])
    back = scaler.inverse(scaler.transform(part.T, channel), channel).T
    np.testing.assert_allclose(back, part, rtol=1e-12, atol=1e-6)


def test_fits_mean_and_deviation_over_all_parts():
    rng = np.random.default_rng(0)
    parts = [rng.normal(3, 2, (100, 2)), rng.normal(-1, 4, (50, 2)), np.empty((0, 2))]
    scaler, joined = Scaler.fit(parts), np.concatenate(parts)
    np.testing.assert_allclose(scaler.mean, joined.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaler.scale, joined.std(axis=0), rtol=1e-12)


def test_a_large_offset_does_no_harm_and_a_constant_keeps_scale_one():
    wave = np.sin(np.arange(1000.0))[:, None]
    assert abs(Scaler.fit([wave + 1e9]).scale[0] - wave.std()) < 1e-6
    assert Scaler.fit([np.full((50, 1), 45.1)]).scale[0] == 1
    assert Scaler.fit([np.full((50, 1), 1e15)]).scale[0] == 1

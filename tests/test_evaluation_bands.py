"""Bands: their realised coverage, how sure it is, and what could be expected of them."""

import numpy as np
import pytest

from forecaster.evaluation import bands
from forecaster.evaluation.bands import BandScore
from forecaster.evaluation.metrics import CoverageSums
from tests.evaluations import score_on_a_sine, sine


def covered(shares):
    return CoverageSums([np.asarray(shares, dtype=float)])


def test_a_band_holds_within_two_standard_errors():
    shares = np.tile([1.0, 0.8], 50)
    rows = bands.band_scores({95: covered(shares), 80: covered(shares), 90: covered([0.9] * 3)}, {99: "why"}, overlap=1)
    assert [row.level for row in rows] == [80, 90, 95, 99]
    assert rows[0].coverage == rows[0].coverage == pytest.approx(0.9)
    assert rows[0].within is False
    assert rows[1].reason == "too few separate origins to say how sure the coverage is"
    assert rows[3].reason == "why"
    assert bands.band_scores({90: CoverageSums()}, {}, overlap=1)[0].reason == "there is no band"


def test_a_band_may_have_its_own_width_at_each_origin():
    found = CoverageSums()
    found.add(np.zeros((2, 2)), np.array([[1.0, -2.0], [1.0, -2.0]]), np.array([[1.0, 1.0], [0.5, 2.0]]))
    assert found.by_origin.tolist() == [0.5, 0.5]
    assert found.score().value == 0.5
    assert CoverageSums().by_origin.tolist() == []


def gauss(level, channel, horizon):
    from statistics import NormalDist

    return np.full(horizon, 0.1 * NormalDist().inv_cdf(0.5 + level / 200)), ""


def test_coverage_of_every_level_with_its_uncertainty():
    part = score_on_a_sine(sine, band=gauss, levels=(80, 95))
    assert [band.level for band in part.bands] == [80, 90, 95]
    for band in part.bands:
        assert part.scores["model"][f"coverage-{band.level}"] == band.coverage
        assert 0 < band.standard_error < 0.02
        assert band.within is True
    assert part.reasons["last-value.coverage-80"] == "bands belong to the model alone"


def test_a_band_that_is_too_narrow_is_beyond_the_uncertainty():
    part = score_on_a_sine(sine, band=lambda level, channel, horizon: (np.full(horizon, 0.05), ""))
    assert part.bands[0].within is False


def test_a_band_that_is_not_there_says_why():
    part = score_on_a_sine(sine, band=lambda level, channel, horizon: (None, "too few"), levels=(99,))
    nothing = dict.fromkeys(("coverage", "standard_error", "within", "separate", "likely"))
    assert part.bands[1] == BandScore(99, reason="too few")
    assert part.bands[1].to_json() == {"level": 99, **nothing, "reason": "too few"}


def test_how_many_errors_a_band_was_made_of_tells_what_it_may_cover():
    part = score_on_a_sine(sine, band=gauss, sizes=[9.0], levels=(80,))
    assert [band.effective_sample_size for band in part.bands] == [9.0, 9.0]
    assert part.bands[0].likely == pytest.approx([0.518, 0.972], abs=5e-4)
    assert part.bands[1].likely == pytest.approx([0.025 ** (1 / 9), 0.975 ** (1 / 9)])
    assert score_on_a_sine(sine, band=gauss, sizes=[None]).bands[0].likely is None
    (missing,) = score_on_a_sine(sine, band=lambda level, channel, horizon: (None, "too few"), sizes=[9.0]).bands
    assert (missing.effective_sample_size, missing.likely) == (None, None)


def test_few_origins_have_a_coverage_and_no_uncertainty():
    (band,) = score_on_a_sine(sine, rows=180, band=gauss).bands
    assert band.coverage is not None
    assert band.within is None
    assert "too few" in band.reason

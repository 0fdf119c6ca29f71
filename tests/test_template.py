"""The template of a period: found, fitted, laid under a context at its phase."""

from __future__ import annotations

import numpy as np
import pytest

from forecaster.config import Window
from forecaster.errors import ModelError
from forecaster.forecasting.rollout import rollout
from forecaster.predictors.ridge import Ridge
from forecaster.predictors.template import Template, TemplateRidge, fit_template
from forecaster.signal.context import Context
from tests.test_predictors import parts_of

WINDOW = Window(n_step=6, n_input=20)
PERIOD = 37.21


def beat(t, phase=0.0):
    """A period of PERIOD samples with two overtones."""
    turn = 2 * np.pi * np.asarray(t) / PERIOD + phase
    return np.cos(turn) + 0.5 * np.sin(2 * turn + 1) + 0.25 * np.cos(3 * turn + 2)


def noisy(rows, noise=0.3, seed=0):
    return beat(np.arange(rows)) + np.random.default_rng(seed).normal(0, noise, rows)


@pytest.fixture(scope="module")
def parts():
    return parts_of(noisy(4000)[:, None], WINDOW)


@pytest.fixture(scope="module")
def fitted(parts):
    return TemplateRidge.fit(parts)


def contexts(values):
    values = np.atleast_2d(values)
    return Context(values, np.zeros(len(values), dtype=np.int64))


def test_the_fundamental_is_found_between_the_bins(fitted):
    assert fitted.templates[0].fundamental == pytest.approx(1 / PERIOD, rel=1e-4)


@pytest.mark.parametrize("phase", [0.0, 1.0, 3.0, 6.2])
def test_the_phase_is_found_in_a_context(phase):
    template = fit_template(beat(np.arange(37210)).astype(np.float32), 1 / PERIOD, 4)
    fitted_phase = template.phases(beat(np.arange(-200, 0), phase)[None, :])[0]
    assert np.angle(np.exp(1j * (fitted_phase - phase))) == pytest.approx(0, abs=0.02)
    np.testing.assert_allclose(template.at(np.array([phase]), (0, 90))[0], beat(np.arange(90), phase), atol=0.01)


def test_it_is_better_than_ridge_far_ahead(parts, fitted):
    ridge, rng = Ridge.fit(parts), np.random.default_rng(3)
    starts = rng.uniform(0, 2 * np.pi, 60)
    seen = np.stack([beat(np.arange(-120, 0), p) for p in starts]) + rng.normal(0, 0.3, (60, 120))
    truth = np.stack([beat(np.arange(200), p) for p in starts])
    template_error, ridge_error = (
        np.square(rollout(predictor, contexts(seen), 200) - truth).mean() for predictor in (fitted, ridge)
    )
    assert template_error < 0.7 * ridge_error


def test_without_a_period_it_has_no_template_and_is_a_mean_of_ridges():
    walk = np.random.default_rng(1).normal(size=3000)
    predictor = TemplateRidge.fit(parts_of(walk[:, None], WINDOW))
    assert predictor.templates == (None,)
    assert set(predictor.tensors()) == {"kernel", "bias"}
    again = TemplateRidge.restore(predictor.parameters, predictor.tensors(), WINDOW)
    seen = contexts(walk[:120])
    assert again.predict(seen).tobytes() == predictor.predict(seen).tobytes()


def test_each_channel_has_its_own():
    both = np.stack([noisy(4000), np.random.default_rng(5).normal(size=4000)], axis=1)
    predictor = TemplateRidge.fit(parts_of(both, WINDOW, channels=2))
    assert predictor.templates[0] is not None
    assert predictor.templates[1] is None
    again = TemplateRidge.restore(predictor.parameters, predictor.tensors(), WINDOW)
    seen = Context(both[:120].T.copy(), np.array([0, 1]))
    assert again.predict(seen).tobytes() == predictor.predict(seen).tobytes()


@pytest.mark.bits
def test_a_row_has_the_same_bits_in_every_place(fitted):
    seen = np.random.default_rng(2).normal(size=(11, 120))
    together = fitted.predict(contexts(seen))
    for row in range(11):
        assert fitted.predict(contexts(seen[row])).tobytes() == together[row].tobytes()


def test_nothing_beyond_the_validation_part_reaches_it(parts, fitted):
    values = noisy(4000)[:, None]
    longer = np.concatenate((values, np.full((500, 1), 9.0)))
    changed = parts_of(longer, WINDOW)
    runs = changed.training.runs
    from forecaster.signal.windows import Windows, WindowSplits

    b1, b2 = (np.array([row]) for row in (2800, 4000))
    splits = WindowSplits(
        Windows.between(runs, (np.zeros_like(b1), b1), WINDOW), Windows.between(runs, (b1, b2), WINDOW)
    )
    again = TemplateRidge.fit(splits)
    assert {k: v.tobytes() for k, v in again.tensors().items()} == {k: v.tobytes() for k, v in fitted.tensors().items()}


def test_a_constant_context_is_forecast():
    template = Template(1 / PERIOD, (1.0, 0.0))
    assert np.isfinite(template.phases(np.zeros((2, 50)))).all()


def test_a_fundamental_that_is_none_is_refused(fitted):
    tensors = fitted.tensors() | {"fundamental": np.array([0.7])}
    with pytest.raises(ModelError, match="fundamental"):
        TemplateRidge.restore(fitted.parameters, tensors, WINDOW)

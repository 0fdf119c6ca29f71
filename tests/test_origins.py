"""Origins: what stands before them, what comes after, and nothing between."""

import numpy as np

from forecaster.config import Window
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins, context_of


def test_contexts_end_before_the_origin_and_truths_begin_at_it():
    columns = np.stack([np.arange(20.0), -np.arange(20.0)], axis=1)
    origins = Origins(np.arange(20.0), 1, np.array([5, 9]), Covariates(columns))
    context = origins.context(Window(n_step=3, n_input=1, exogenous=2))
    assert context.values.tolist() == [[2, 3, 4], [6, 7, 8]]
    assert context.channel.tolist() == [1, 1]
    assert context.covariates.past[1].tolist() == [[6, -6], [7, -7], [8, -8]]
    assert origins.y_true(2).tolist() == [[5, 6], [9, 10]]


def test_blocks_are_all_origins_in_order():
    origins = Origins(np.arange(50.0), 0, np.arange(10, 40))
    assert np.concatenate([block.rows for block in origins.blocks(7)]).tolist() == list(range(10, 40))


def test_single_precision_is_widened_and_a_copy():
    values = np.arange(9, dtype=np.float32)
    context = Origins(values, 0, np.array([4])).context(Window(n_step=1, n_input=2))
    assert context.values.dtype == np.float64
    context.values[:] = 99
    assert values.max() == 8


def test_contexts_of_several_recordings_are_one_batch():
    first, second = Origins(np.arange(9.0), 0, np.array([4])), Origins(-np.arange(9.0), 1, np.array([5, 6]))
    batch = context_of([first, second], Window(n_step=1, n_input=2))
    assert batch.values.tolist() == [[2, 3], [-3, -4], [-4, -5]]
    assert batch.channel.tolist() == [0, 1, 1]
    assert batch.covariates.past is None

"""Probabilities of symbols: the baselines by hand, the closed loop, and the scores."""

import numpy as np
import pytest

from forecaster import predictors
from forecaster.config import RunConfig, Window
from forecaster.errors import ModelError, OutputError, SignalError, UsageError
from forecaster.evaluation.metrics import SymbolSums, symbol_scores
from forecaster.forecasting.rollout import rollout, rollout_symbols
from forecaster.predictors.symbolic import SymbolNetwork, one_hot
from forecaster.signal.context import Context
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.tasks import TASKS
from forecaster.training.preparation import resolved
from tests.evaluations import evaluate_symbols
from tests.test_predictors import parts_of

WINDOW = Window(n_step=3, n_input=1, symbols=3)
SEQUENCE = np.array([0, 1, 0, 2, 0, 1, 0, 2, 0, 1] * 4, dtype=float)


def fitted(name, values=SEQUENCE, window=WINDOW):
    return predictors.predictor_class(name).fit(parts_of(values[:, None], window))


def context(*rows):
    values = np.array(rows, dtype=float)
    return Context(values, np.zeros(len(values), dtype=np.int64))


def signal(values, symbols=("a", "b", "c"), **more):
    recording = Recording(np.asarray(values, dtype=float)[:, None], TimeAxis())
    return Signal("s", ("state",), (recording,), ("",), symbols=symbols, rows=len(values), **more)


def test_the_markov_chain_counts_what_followed_what():
    learned = SEQUENCE[:28].astype(int)  # 70 percent of 40
    counts = np.ones((3, 3))
    np.add.at(counts, (learned[:-1], learned[1:]), 1)
    expected = counts / counts.sum(axis=1, keepdims=True)
    probabilities = fitted("markov").probabilities(context([0, 1, 0], [0, 0, 1], [0, 0, 2]))
    np.testing.assert_allclose(probabilities, expected, rtol=1e-6)
    assert fitted("markov").predict(context([2, 2, 1])).tolist() == [[0]]


def test_the_most_frequent_symbol_whatever_came_before():
    counts = np.bincount(SEQUENCE[:28].astype(int)) + 1
    probabilities = fitted("most-frequent").probabilities(context([2, 2, 2], [1, 1, 1]))
    np.testing.assert_allclose(probabilities, np.tile(counts / counts.sum(), (2, 1)), rtol=1e-6)


def test_the_last_symbol_is_as_likely_as_it_stayed():
    stays = np.repeat([0.0, 1.0, 2.0, 1.0], 10)
    learned = stays[:28]
    share = ((learned[1:] == learned[:-1]).sum() + 1) / (27 + 3)
    predictor = fitted("last-symbol", stays)
    np.testing.assert_allclose(predictor.probabilities(context([0, 0, 2]))[0], [(1 - share) / 2] * 2 + [share])
    assert predictor.predict(context([0, 0, 2])).tolist() == [[2]]
    never = fitted("last-symbol").probabilities(context([0, 0, 2]))[0]
    np.testing.assert_allclose(never, [0.25, 0.25, 0.5])


@pytest.mark.parametrize("name", predictors.baselines("symbols"))
def test_probabilities_are_positive_and_add_up_to_one_and_name_the_prediction(name):
    rows = context(*np.random.default_rng(0).integers(0, 3, (20, 3)))
    predictor = fitted(name)
    probabilities = predictor.probabilities(rows)
    assert probabilities.min() > 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), predictor.predict(rows)[:, 0])


def test_the_closed_loop_feeds_the_likeliest_symbol_back():
    chain = fitted("markov")
    codes, probabilities = rollout_symbols(chain, context([0, 2, 0], [2, 0, 1]), 5)
    np.testing.assert_array_equal(codes, rollout(chain, context([0, 2, 0], [2, 0, 1]), 5))
    np.testing.assert_array_equal(probabilities.argmax(axis=2), codes)
    np.testing.assert_array_equal(probabilities[0, 1], chain.probabilities(context([2, 0, codes[0, 0]]))[0])


@pytest.mark.bits
def test_a_network_answers_with_probabilities_and_a_row_keeps_its_bits_among_others():
    chosen = predictors.predictor_class("symbol-rnn")
    assert issubclass(chosen, SymbolNetwork)
    rng = np.random.default_rng(0)
    specs = chosen.specs(chosen.Parameters(), WINDOW, 1)
    weights = {key: rng.normal(size=spec.shape).astype(np.float32) for key, spec in specs.items()}
    predictor = chosen.restore(chosen.Parameters(), weights, WINDOW)
    rows = context(*rng.integers(0, 3, (200, 3)))
    codes, probabilities = rollout_symbols(predictor, rows, 4)
    np.testing.assert_allclose(probabilities.sum(axis=2), 1, rtol=1e-12)
    alone = rollout_symbols(predictor, rows[150:151], 4)
    assert alone[1].tobytes() == probabilities[150:151].tobytes()
    assert alone[0].tobytes() == codes[150:151].tobytes()


def test_what_is_no_probability_is_refused():
    with pytest.raises(ModelError, match="not above 0"):
        predictors.restore("markov", {}, {"transitions": np.array([[1.5, -0.5], [0.5, 0.5]], np.float32)}, WINDOW)
    chosen = predictors.predictor_class("symbol-rnn")
    specs = chosen.specs(chosen.Parameters(), WINDOW, 1)
    wild = {key: np.full(spec.shape, 3e38, np.float32) for key, spec in specs.items()}
    with np.errstate(all="ignore"), pytest.raises(OutputError, match="not finite"):
        rollout_symbols(chosen.restore(chosen.Parameters(), wild, WINDOW), context([0, 1, 2]), 2)


def test_the_objective_is_the_next_symbol_at_every_step():
    parts = parts_of(SEQUENCE[:, None], WINDOW)
    inputs, targets = parts.training.take(np.array([0, 5]))
    x, y = TASKS["symbols"].examples(inputs, targets, WINDOW)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.argmax(axis=2), [SEQUENCE[0:3], SEQUENCE[5:8]])
    np.testing.assert_array_equal(y, [SEQUENCE[1:4], SEQUENCE[6:9]])
    np.testing.assert_array_equal(x, one_hot(inputs[:, :, 0], 3, np.dtype(np.float32)))


def test_the_scores_by_hand():
    tally = SymbolSums()
    probabilities = np.array([[[0.5, 0.5, 0.0], [0.1, 0.8, 0.1]], [[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]])
    tally.add(np.array([[0.0, 1], [2, 0]]), np.array([[0.0, 1], [1, 0]]), probabilities)
    scores = {name: score.value for name, score in symbol_scores(tally).items()}
    nats = -np.log([[0.5, 0.8], [0.25, 1]])
    assert scores["accuracy"] == 0.75
    assert scores["cross_entropy"] == pytest.approx(nats.mean())
    assert scores["perplexity"] == pytest.approx(np.exp(nats.mean()))
    assert [row["accuracy"] for row in tally.by_step()] == [0.5, 1]
    assert [row["cross_entropy"] for row in tally.by_step()] == pytest.approx(nats.mean(axis=0).tolist())
    assert tally.loss.tolist() == [0, 0.5]


def test_an_impossible_symbol_that_comes_is_a_finite_surprise():
    tally = SymbolSums()
    tally.add(np.array([[0.0]]), np.array([[1.0]]), np.array([[[0.0, 1.0]]]))
    assert tally.loss.tolist() == pytest.approx([12 * np.log(10)])


def sure(right):
    """A walk that gives `right` to the symbol 0, always."""

    def walk(origins, horizon):
        shares = np.array([right, (1 - right) / 2, (1 - right) / 2])
        codes = np.full((len(origins), horizon), shares.argmax(), dtype=float)
        return codes, np.broadcast_to(shares, (len(origins), horizon, 3))

    return walk


def verdict(model, other, values, horizon=1):
    walks = {"model": sure(model), "markov": sure(other)}
    return evaluate_symbols([signal(values)], [[0]], walks, window=WINDOW, horizon=horizon, stride=1)


def test_the_verdict_compares_the_cross_entropy_one_step_ahead():
    evaluation = verdict(0.9, 0.5, np.zeros(60))
    assert evaluation.verdict.startswith("Better than every baseline: 85 % less cross-entropy than the Markov chain")
    assert "cross-entropy 0.105 against 0.693, 57 origins" in evaluation.verdict
    assert evaluation.parts[0].scores["model"]["accuracy"] == 1
    assert verdict(0.5, 0.9, np.zeros(60)).verdict.startswith("Worse than the Markov chain: ")
    assert verdict(0.2, 0.1, np.zeros(60)).verdict.endswith("It is no better than taking all symbols to be alike.")
    assert "Too little test data to say whether it beats" in verdict(0.9, 0.5, np.zeros(6)).verdict


def test_beyond_one_step_the_verdict_compares_what_was_named_wrong():
    evaluation = verdict(0.9, 0.1, np.zeros(60), horizon=5)
    assert "100 % less error than the Markov chain (accuracy 100 % against 0 %, 53 origins)" in evaluation.verdict
    assert [row["step"] for row in evaluation.parts[0].by_step["model"]] == [1, 2, 3, 4, 5]


def test_without_a_baseline_there_is_no_verdict():
    evaluation = evaluate_symbols([signal([0, 1] * 10)], [[0]], {"model": sure(0.9)}, window=WINDOW, horizon=1)
    assert evaluation.parts[0].origins > 0
    assert "no baseline" in evaluation.to_json()["verdict"]


def test_a_recording_too_short_is_not_scored_and_says_why():
    evaluation = verdict(0.9, 0.1, np.zeros(3))
    assert evaluation.parts[0].origins == 0
    assert evaluation.parts[0].scores["model"] == {"accuracy": None, "cross_entropy": None, "perplexity": None}
    assert "needs 3 rows of context and 1 rows to score" in evaluation.parts[0].reasons["model.accuracy"]


def test_the_window_of_symbols_follows_from_the_data():
    symbols = signal([0, 1, 2] * 10)
    config = resolved(RunConfig(predictor="symbol-rnn"), [symbols])
    assert (config.window.n_input, config.window.symbols, config.window.width) == (1, 3, 3)
    assert config.reading.symbols
    with pytest.raises(UsageError, match="--n-input 5: symbols are forecast one at a time"):
        resolved(RunConfig(predictor="symbol-rnn", window=Window(n_input=5)), [symbols])
    with pytest.raises(SignalError, match="one symbol alone, 'a'"):
        resolved(RunConfig(predictor="markov"), [signal([0] * 30, ("a",))])


def test_a_predictor_of_the_other_task_is_refused_and_those_that_fit_are_named():
    with pytest.raises(SignalError, match=r"columns of numbers for ridge.*These forecast symbols: last-symbol.*markov"):
        resolved(RunConfig(predictor="ridge"), [signal([0, 1, 2] * 10)])
    with pytest.raises(SignalError, match=r"a column of symbols for markov.*These forecast numbers: auto, last-value"):
        resolved(RunConfig(predictor="markov"), [signal([0, 1, 2] * 10, ())])


@pytest.mark.parametrize("name", [*predictors.baselines("symbols"), "symbol-rnn"])
def test_without_an_alphabet_there_are_no_tensors(name):
    with pytest.raises(ModelError):
        predictors.specs(name, {"stay": 0.5} if name == "last-symbol" else {}, Window(n_step=3, n_input=1), 1)

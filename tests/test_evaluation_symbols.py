"""Symbols scored by hand: accuracy, surprise, the verdict, and the blocks."""

import numpy as np
import pytest

from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation import metrics, symbols, verdict
from forecaster.evaluation.metrics import SymbolSums
from forecaster.evaluation.scoring import Plan
from forecaster.evaluation.symbols import compare_symbols
from tests.evaluations import evaluate_symbols, noise, signal_of


def tally_of(*blocks):
    tally = SymbolSums()
    for truth, codes, probabilities in blocks:
        tally.add(np.array(truth, dtype=float), np.array(codes, dtype=float), np.array(probabilities))
    return tally


HALF, SURE, WRONG = [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]


def test_accuracy_and_surprise_by_hand():
    tally = tally_of(([[0, 1]], [[0, 0]], [[HALF, HALF]]), ([[0, 0]], [[0, 0]], [[SURE, WRONG]]))
    ln2, most = np.log(2), -np.log(1e-12)
    assert tally.loss.tolist() == [0.5, 0.0]
    nats = (2 * ln2 + most) / 4
    assert symbol_scores(tally) == pytest.approx({"accuracy": 0.75, "cross_entropy": nats, "perplexity": np.exp(nats)})
    assert tally.by_step() == [
        {"step": 1, "accuracy": 1.0, "cross_entropy": pytest.approx(ln2 / 2)},
        {"step": 2, "accuracy": 0.5, "cross_entropy": pytest.approx((ln2 + most) / 2)},
    ]


def test_the_loss_of_one_step_is_its_surprise():
    tally = tally_of(([[0], [1]], [[0], [0]], [[HALF], [[0.75, 0.25]]]))
    assert tally.loss.tolist() == pytest.approx([np.log(2), np.log(4)])


def symbol_scores(sums):
    return {name: score.value for name, score in metrics.symbol_scores(sums).items()}


def symbols_plan(horizon, own_baseline=""):
    return Plan((), Window(n_step=1, n_input=4, symbols=2), horizon, 1, own_baseline)


def with_loss(losses):
    return SymbolSums(losses=[np.asarray(losses, dtype=float)])


def test_the_sentence_about_symbols():
    rng = np.random.default_rng(0)
    own, theirs = rng.uniform(0.1, 0.3, 64), rng.uniform(0.4, 0.6, 64)
    both = {"model": with_loss(own), "markov": with_loss(theirs), "last-symbol": with_loss(theirs + 0.1)}
    found = compare_symbols(both, symbols_plan(1))
    assert (found.kind, found.baseline) == ("better", "markov")
    assert "less cross-entropy than the Markov chain" in found.text
    assert found.text.endswith(f"(cross-entropy {own.mean():.3g} against {theirs.mean():.3g}, 64 origins).")
    several = compare_symbols(both, symbols_plan(4))
    assert "less error than" in several.text
    shown = f"accuracy {100 * (1 - own.mean()):.3g} % against {100 * (1 - theirs.mean()):.3g} %"
    assert f"({shown}, 64 origins)." in several.text
    itself = compare_symbols(both, symbols_plan(1, own_baseline="markov"))
    assert itself.baseline == "last-symbol"
    assert itself.text.startswith("Better than every other baseline")


def test_overlapping_origins_of_symbols_are_less_sure():
    losses = np.repeat(noise(30) + 5, 40)
    both = {"model": with_loss(losses), "markov": with_loss(losses + np.repeat(noise(30, 1), 40))}
    found = compare_symbols(both, symbols_plan(40))
    assert found.error == verdict.weigh(losses, both["markov"].loss, overlap=40, baseline="markov").error
    assert found.error > 1.2 * verdict.weigh(losses, both["markov"].loss, overlap=1, baseline="markov").error


def test_no_better_than_all_symbols_alike():
    both = {"model": with_loss([np.log(2)] * 20), "markov": with_loss([0.9] * 20)}
    clause = "It is no better than taking all symbols to be alike."
    assert compare_symbols(both, symbols_plan(1)).text.endswith(clause)
    assert clause not in compare_symbols(both, symbols_plan(2)).text
    both["model"] = with_loss([np.log(2) - 0.01] * 20)
    assert clause not in compare_symbols(both, symbols_plan(1)).text
    assert compare_symbols({"model": with_loss([1.0])}, symbols_plan(1)) == verdict.Verdict(
        "unknown", "No verdict: there is no baseline to compare it with."
    )


def test_symbols_are_scored_at_every_origin_in_blocks(monkeypatch):
    codes = (np.arange(60) % 2).astype(float)
    sizes = []

    def alternating(o, horizon):
        sizes.append(len(o))
        named = (o.rows[:, None] + np.arange(horizon)) % 2
        return named.astype(float), np.eye(2)[named]

    window = Window(n_step=1, n_input=4, symbols=2)
    signal = signal_of(codes, recordings=2)
    options = {"window": window, "horizon": 3, "model": "m"}
    result = evaluate_symbols([signal], [[30, 0]], {"model": alternating}, stride=1, **options)
    part = result.parts[0]
    assert (result.model, result.horizon, result.stride) == ("m", 3, 1)
    assert part.origins == 28 + 54
    assert sizes == [28, 54]
    assert part.scores["model"] == {"accuracy": 1.0, "cross_entropy": 0.0, "perplexity": 1.0}
    monkeypatch.setattr(symbols, "BLOCK_NUMBERS", 60)
    sizes.clear()
    again = evaluate_symbols([signal], [[30, 0]], {"model": alternating}, stride=1, **options)
    assert max(sizes) == 10
    assert again.parts[0].scores == part.scores
    assert evaluate_symbols([signal], [[0, 0]], {"model": alternating}, **options).stride == 3
    with pytest.raises(UsageError, match="at least 1 symbol"):
        evaluate_symbols([signal], [[0, 0]], {"model": alternating}, stride=0, **options)
    with pytest.raises(UsageError, match="at least 1 symbol"):
        evaluate_symbols([signal], [[0, 0]], {"model": alternating}, **options | {"horizon": 0})


def test_symbols_that_are_too_few_are_not_scored():
    window = Window(n_step=1, n_input=4, symbols=2)
    options = {"window": window, "horizon": 3}
    part = evaluate_symbols([signal_of(np.zeros(6))], [[0]], {"model": None}, **options).parts[0]
    why = (
        "an origin needs 4 rows of context and 3 rows to score, in the part that may be scored; "
        "the longest recording has 6 rows"
    )
    assert part.origins == 0
    assert part.scores == {"model": {"accuracy": None, "cross_entropy": None, "perplexity": None}}
    assert part.reasons == {f"model.{name}": why for name in ("accuracy", "cross_entropy", "perplexity")}
    assert part.by_step == {"model": []}
    assert (part.verdict.kind, part.verdict.text) == ("unknown", f"Not scored: {why}.")

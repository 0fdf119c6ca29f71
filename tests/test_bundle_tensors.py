"""tensors.safetensors: byte for byte what the manifest implies, or refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load as oracle_load

from forecaster.bundle import (
    EnsembleState,
    PredictorState,
    load,
)
from forecaster.bundle.tensors import MAX_HEADER, format_tensors, implied, parse_tensors, size_of
from forecaster.conformal.bands import IntervalState
from forecaster.errors import ModelError
from forecaster.predictors import TensorSpec
from tests.bundles import altered, manifest, message

SPECS = {"p/a": TensorSpec("F32", (2,)), "p/b": TensorSpec("I64", (1,))}


GOOD = format_tensors({"p/a": np.ones(2, "f4"), "p/b": np.array([2**62])}, SPECS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD[:-1], f"{len(GOOD) - 1} bytes; expected {len(GOOD)}, as its header says"),
        (GOOD[:7], f"a header of {GOOD[0]} bytes in a file of 7; expected a safetensors file"),
        (GOOD.replace(b"p/a", b"p/c"), "the tensor 'p/c'; expected only the tensors that model.json implies"),
        (GOOD.replace(b"F32", b"F64"), "dtype F64 of 'p/a'; expected F32"),
        (GOOD.replace(b"[2]", b"[3]"), "shape [3] of 'p/a'; expected [2]"),
        (
            GOOD.replace(b'"shape"', b'"Shape"'),
            "an entry of 'p/b' that is not complete; expected dtype, shape and data",
        ),
        (b"\2" + bytes(7) + b"[]", "a header that is no JSON object; expected a safetensors file"),
        (b"\1" + bytes(7) + b"{}", "a header of 1 bytes in a file of 10; expected a safetensors file"),
        (b"\2" + bytes(7) + b"{}", "no tensor 'p/a'; expected every tensor that model.json implies"),
    ],
)
def test_tensors_are_refused_in_these_words(content, words):
    assert message(parse_tensors, content, SPECS, "t").startswith(f"t: found {words}")


@pytest.mark.parametrize(("size", "fits"), [(MAX_HEADER, True), (MAX_HEADER + 1, False)])
def test_the_largest_header(size, fits):
    length = int.from_bytes(GOOD[:8], "little")
    content = size.to_bytes(8, "little") + GOOD[8 : 8 + length].rstrip().ljust(size) + GOOD[8 + length :]
    if fits:
        assert parse_tensors(content, SPECS, "t")["p/b"].tolist() == [2**62]
    else:
        assert "header" in message(parse_tensors, content, SPECS, "t")
    assert MAX_HEADER == 65528


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_the_largest_values(value):
    specs = {"p/a": TensorSpec("F64", (2,))}
    assert parse_tensors(format_tensors({"p/a": np.array([0, value])}, specs), specs, "t")["p/a"][1] == value
    content = format_tensors({"p/a": np.array([0, value * 1.1])}, specs)
    assert message(parse_tensors, content, specs, "t").startswith(
        "t: found values of 'p/a' that are not finite; expected finite numbers of magnitude up to 1e300"
    )


def test_only_the_tensors_of_the_specs_are_written():
    with pytest.raises(ValueError, match=r"tensors \[\] where \['p/a', 'p/b'\] are stored"):
        format_tensors({}, SPECS)
    right = {"p/a": np.ones(2, "f4"), "p/b": np.array([1])}
    for wrong in (np.ones(2), np.ones(3, "f4"), np.ones((2, 1), "f4")):
        with pytest.raises(ValueError, match=r"p/a is .*, not F32 \(2,\)"):
            format_tensors({**right, "p/a": wrong}, SPECS)


def test_the_tensors_that_a_manifest_implies():
    specs = implied(manifest(), "m")
    assert specs["intervals/quantiles"] == TensorSpec("F32", (2, 4, 2))
    assert {name: spec.shape for name, spec in specs.items() if name.startswith("ridge")} == {
        "ridge/kernel": (12, 4),
        "ridge/bias": (4,),
    }
    assert size_of(specs) == 4 * (16 + 48 + 4)
    wide = IntervalState(levels=tuple(range(1, 100)), horizon=2_711_469, origins=(9, 9))
    assert "bytes of tensors; expected at most 2147483648" in message(implied, altered(intervals=wide), "m")
    fits = wide.model_copy(update={"horizon": 2_711_468})
    assert size_of(implied(altered(intervals=fits), "m")) == 2**31 - 8 * 99 + 8 == 2_147_482_864


def test_a_network_that_was_stored_before_it_had_a_parameter_is_refused(tmp_path):
    """Its forecasts would be those of another network."""
    folder = tmp_path / "rotor"
    shutil.copytree(Path(__file__).parent.parent / "models" / "rotor", folder)
    document = json.loads((folder / "model.json").read_text())
    del document["predictors"][0]["parameters"]["hidden"]
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(
        ModelError, match=r"'stacked-lstm' without its parameter 'hidden'; expected all of a network's\."
    ):
        load(folder)


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)


finite = {
    "F32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "F64": st.floats(min_value=-1e300, max_value=1e300),
    "I64": st.integers(-(2**63), 2**63 - 1),
}


dtypes = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(st.text("abc./-", min_size=1, max_size=8), st.sampled_from(sorted(finite)), max_size=5), st.data()
)
def test_any_tensors_come_back_byte_for_byte(kinds, data):
    arrays = {name: data.draw(hnp.arrays(dtypes[kind], shapes, elements=finite[kind])) for name, kind in kinds.items()}
    specs = {name: TensorSpec(kinds[name], array.shape) for name, array in arrays.items()}
    content = format_tensors(arrays, specs)
    parsed, oracle = parse_tensors(content, specs, "x"), oracle_load(content)
    assert parsed.keys() == oracle.keys() == arrays.keys()
    for name, array in arrays.items():
        assert parsed[name].shape == array.shape
        assert parsed[name].tobytes() == array.tobytes() == oracle[name].tobytes()
        assert parsed[name].flags.aligned


def with_ensemble(*states):
    plain = manifest()
    config = plain.config.model_copy(update={"predictor": "auto"})
    weights = EnsembleState(next={"ridge": 1.0}, fed_back={})
    return plain.model_copy(update={"config": config, "predictors": states, "combination": weights})


def test_an_ensemble_stands_first_and_all_its_members_are_there():
    auto = PredictorState(
        name="auto", parameters={"members": ["mean", "last-value"], "segments": 1}, tensors=("weights",)
    )
    mean, last = (PredictorState(name=name, parameters={}, tensors=()) for name in ("mean", "last-value"))
    with pytest.raises(ModelError, match=r"'auto' behind 'mean'; expected an ensemble before its members"):
        implied(with_ensemble(mean, auto, last), "here")
    with pytest.raises(ModelError, match=r"no predictor 'last-value', a member of the ensemble; expected every member"):
        implied(with_ensemble(auto, mean), "here")
    assert "auto/weights" in implied(with_ensemble(auto, mean, last), "here")

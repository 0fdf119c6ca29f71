"""tensors.safetensors: 8 bytes of header length, a JSON header, then the tensors end to end.

The header is never trusted: names, types and shapes are computed from the manifest, and the
file must hold exactly these. The arrays are views of the one buffer that was hashed.

Source: https://huggingface.co/docs/safetensors (the format).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster import networks, predictors
from forecaster.bundle.manifest import Manifest, PredictorState
from forecaster.bundle.strict_json import MAX_MAGNITUDE, parse, refused
from forecaster.errors import ForecasterError, ModelError, printable
from forecaster.predictors import Ensemble, TensorSpec

# With the 8 bytes of its length the header takes at most 64 KiB.
MAX_HEADER = 64 * 1024 - 8
MAX_BYTES = 2 * 2**30
QUANTILES = "intervals/quantiles"
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}
NEWER = "Train the model again, fetch the folder again, or use the version of forecaster that made it."

Specs = dict[str, TensorSpec]
Tensors = dict[str, NDArray[Any]]


def implied(manifest: Manifest, where: str) -> Specs:
    """Return the dtype and shape of every tensor that the manifest implies.

    The names are ``predictor/tensor``, and ``intervals/quantiles`` for those of the bands, (C, H, levels).

    Raises: ModelError if a predictor is unknown, or its parameters or tensors do not agree.
    """
    specs: Specs = {}
    if manifest.config.predictor not in predictors.names():
        expected = "the name of a predictor"
        raise refused(where, f"the predictor {manifest.config.predictor!r} in config", expected, hint=NEWER)
    for state in manifest.predictors:
        of_predictor = _specs_of(state, manifest, where)
        if predictors.predictor_class(state.name).task != manifest.task:
            raise refused(where, f"the predictor {state.name!r}", f"one of the task {manifest.task}")
        if sorted(state.tensors) != sorted(of_predictor):
            names = ", ".join(state.tensors) or "none"
            raise refused(where, f"the tensors {names} of {state.name!r}", ", ".join(sorted(of_predictor)) or "none")
        specs |= {f"{state.name}/{name}": spec for name, spec in of_predictor.items()}
    _check_ensemble(manifest, where)
    if manifest.config.carry_state and not predictors.predictor_class(manifest.predictors[0].name).is_stateful:
        raise refused(where, f"carry_state for {manifest.predictors[0].name!r}", "a predictor with a state")
    intervals = manifest.intervals
    specs[QUANTILES] = TensorSpec("F32", (manifest.n_channels, intervals.horizon, len(intervals.levels)))
    if size_of(specs) > MAX_BYTES:
        raise refused(where, f"sizes that need {size_of(specs)} bytes of tensors", f"at most {MAX_BYTES}")
    return specs


def size_of(specs: Specs) -> int:
    """Return the bytes of all tensors together."""
    return sum(_bytes(spec) for spec in specs.values())


def parse_tensors(buffer: bytes, specs: Specs, where: str) -> Tensors:
    """Check `buffer` against `specs`, byte for byte, and return its tensors as read-only views.

    Raises: ModelError.
    """
    header, begin = _header(buffer, where)
    extra = [name for name in header if name not in specs]
    if extra:
        raise refused(where, f"the tensor {extra[0]!r}", "only the tensors that model.json implies")
    missing = [name for name in specs if name not in header]
    if missing:
        raise refused(where, f"no tensor {missing[0]!r}", "every tensor that model.json implies")
    # In the order of the header each tensor must begin where the one before it ends.
    offsets, offset = {}, 0
    for name, entry in header.items():
        _check_entry(entry, name, specs[name], offset, where)
        offsets[name] = begin + offset
        offset += _bytes(specs[name])
    if begin + offset != len(buffer):
        raise refused(where, f"{len(buffer)} bytes", f"{begin + offset}, as its header says")
    return {name: _array(buffer, offsets[name], name, spec, where) for name, spec in specs.items()}


def check_values(manifest: Manifest, tensors: Tensors, where: str) -> None:
    """Refuse numbers that no training gives: half widths that are negative or descend, weights that model.json denies.

    Raises: ModelError.
    """
    # A channel at a time, so that the comparison takes little memory.
    for half_widths in tensors[QUANTILES]:
        if half_widths.size and half_widths.min() < 0:
            raise refused(where, f"the half width {half_widths.min():g} in {QUANTILES!r}", "none below 0")
        if (half_widths[:, 1:] < half_widths[:, :-1]).any():
            raise refused(where, f"half widths that descend in {QUANTILES!r}", "a wider band for a higher level")
    _check_weights(manifest, tensors, where)


def _check_weights(manifest: Manifest, tensors: Tensors, where: str) -> None:
    """Refuse weights of an ensemble of which `combination` does not hold the means."""
    first, shown = manifest.predictors[0], manifest.combination
    if first.name != Ensemble.name:
        if shown is not None:
            raise refused(where, "no weights, and a combination in model.json", "an ensemble, or no combination")
        return
    parameters = Ensemble.Parameters.model_validate(first.parameters, strict=True)
    prefix = f"{Ensemble.name}/"
    own_tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    try:
        ensemble = Ensemble.restore(parameters, own_tensors, manifest.window)
    except ModelError as error:
        raise refused(where, error.message.rstrip(".")) from None
    stored = {"next": ensemble.mean_weights(0, 1), "fed_back": ensemble.mean_weights(1)}
    if shown is None or not all(_are_close(stored[name], getattr(shown, name)) for name in stored):
        expected = "those that the combination in model.json shows"
        raise refused(where, f"the mean weights {printable(stored['next'], 200)} in 'auto/weights'", expected)


def _are_close(stored: dict[str, float], shown: dict[str, float]) -> bool:
    """Tell whether both hold the same mean weights, up to the digits that are written."""
    names = stored.keys() | shown.keys()
    return all(abs(stored.get(name, 0.0) - shown.get(name, 0.0)) <= 2e-6 for name in names)


def format_tensors(tensors: Tensors, specs: Specs) -> bytes:
    """Return the file's bytes; the same tensors give the same bytes.

    Raises: ValueError if the tensors are not those of `specs`.
    """
    from safetensors.numpy import save

    if tensors.keys() != specs.keys():
        raise ValueError(f"tensors {sorted(tensors)} where {sorted(specs)} are stored")
    for name, (dtype, shape) in specs.items():
        if tensors[name].dtype != DTYPES[dtype] or tensors[name].shape != shape:
            raise ValueError(f"{name} is {tensors[name].dtype} {tensors[name].shape}, not {dtype} {shape}")
    # safetensors writes the memory of an array as it lies there: a transposed one would come back wrong.
    return bytes(save({name: np.asarray(tensors[name], order="C") for name in sorted(specs)}))


def _specs_of(state: PredictorState, manifest: Manifest, where: str) -> Specs:
    """Return the tensors of one predictor; ModelError if it cannot be made of these parameters."""
    name, parameters = state.name, state.parameters
    if name in networks.names():
        # A network that was stored before it had a parameter would be another network with its default.
        fields = predictors.predictor_class(name).Parameters.model_fields
        missing = [field for field in fields if field not in parameters]
        if missing:
            raise refused(where, f"{name!r} without its parameter {missing[0]!r}", "all of a network's", hint=NEWER)
    try:
        return predictors.specs(name, parameters, manifest.window, manifest.n_channels)
    except ForecasterError as error:
        raise refused(where, error.message.rstrip("."), hint=error.hint or NEWER) from None
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        # A predictor computes its shapes from whatever a stranger wrote: a size of 0, a text for a number.
        raise refused(where, f"parameters of {name!r} that do not work ({printable(error)})") from None


def _check_ensemble(manifest: Manifest, where: str) -> None:
    """Refuse an ensemble that does not make the forecast, or whose members are missing."""
    names = [state.name for state in manifest.predictors]
    if Ensemble.name not in names:
        return
    first = manifest.predictors[0]
    if first.name != Ensemble.name:
        raise refused(where, f"{Ensemble.name!r} behind {first.name!r}", "an ensemble before its members")
    members = Ensemble.Parameters.model_validate(first.parameters, strict=True).model_dump()["members"]
    missing = [name for name in members if name not in names]
    if missing:
        raise refused(where, f"no predictor {missing[0]!r}, a member of the ensemble", "every member of it")


def _header(buffer: bytes, where: str) -> tuple[dict[str, Any], int]:
    """Return the parsed header, and where the tensors begin."""
    length = int.from_bytes(buffer[:8], "little")
    if len(buffer) < 8 or not 2 <= length <= min(MAX_HEADER, len(buffer) - 8):
        raise refused(where, f"a header of {length} bytes in a file of {len(buffer)}", "a safetensors file")
    # The format allows no space before the object, which a JSON parser would.
    header = parse(buffer[8 : 8 + length], where) if buffer[8:9] == b"{" else None
    if not isinstance(header, dict):
        raise refused(where, "a header that is no JSON object", "a safetensors file")
    return header, 8 + length


def _check_entry(entry: Any, name: str, spec: TensorSpec, offset: int, where: str) -> None:
    """Check one header entry against the tensor that must begin at `offset`."""
    expected = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [offset, offset + _bytes(spec)]}
    if not isinstance(entry, dict) or entry.keys() != expected.keys():
        raise refused(where, f"an entry of {name!r} that is not complete", "dtype, shape and data_offsets")
    for key, value in expected.items():
        # True == 1 in Python: the text tells them apart.
        if repr(entry[key]) != repr(value):
            raise refused(where, f"{key} {printable(entry[key], 80)} of {name!r}", f"{printable(value, 80)}")


def _array(buffer: bytes, begin: int, name: str, spec: TensorSpec, where: str) -> NDArray[Any]:
    flat = np.frombuffer(buffer, DTYPES[spec.dtype], math.prod(spec.shape), begin)
    # Without a mask, which would take a quarter of the memory again: NaN spreads to min and max.
    with np.errstate(invalid="ignore"):
        is_number = flat.size == 0 or bool(-MAX_MAGNITUDE <= float(flat.min()) <= float(flat.max()) <= MAX_MAGNITUDE)
    if not is_number:
        raise refused(where, f"values of {name!r} that are not finite", "finite numbers of magnitude up to 1e300")
    # The header's length puts some views off their alignment, which products of matrices are slower with.
    return (flat if flat.flags.aligned else flat.copy()).reshape(spec.shape)


def _bytes(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * DTYPES[spec.dtype].itemsize

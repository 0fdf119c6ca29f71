"""tensors.safetensors: 8 bytes of header length, a JSON header, then the tensors end to end.

The header is never trusted: names, types and shapes are computed from the manifest, and the
file must be exactly that. The arrays are views of the one buffer that was hashed.

Source: https://huggingface.co/docs/safetensors (the format).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster import networks, predictors
from forecaster.bundle.manifest import Manifest
from forecaster.bundle.strict_json import MAX_MAGNITUDE, parse, refused
from forecaster.errors import ForecasterError, printable
from forecaster.predictors import Ensemble, TensorSpec

MAX_HEADER = 64 * 1024 - 8
MAX_BYTES = 2 * 2**30
QUANTILES = "intervals/quantiles"
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}

Specs = dict[str, TensorSpec]
Tensors = dict[str, NDArray[Any]]


def implied(manifest: Manifest, where: str) -> Specs:
    """Compute every tensor that the manifest implies: ``predictor/tensor``, and the quantiles.

    Raises: ModelError if a predictor is unknown, or its parameters or tensors do not agree.
    """
    found: Specs = {}
    for one in manifest.predictors:
        own = _specs_of(one.name, one.parameters, manifest, where)
        if predictors.kind(one.name).task != manifest.task:
            raise refused(where, f"the predictor {one.name!r}", f"one of the task {manifest.task}")
        if sorted(one.tensors) != sorted(own):
            names = ", ".join(one.tensors) or "none"
            raise refused(where, f"the tensors {names} of {one.name!r}", ", ".join(sorted(own)) or "none")
        found |= {f"{one.name}/{name}": spec for name, spec in own.items()}
    _check_combination(manifest, where)
    if manifest.config.carry_state and not predictors.kind(manifest.predictors[0].name).is_stateful:
        raise refused(where, f"carry_state for {manifest.predictors[0].name!r}", "a predictor with a state")
    state = manifest.intervals
    found[QUANTILES] = TensorSpec("F32", (manifest.n_channels, state.horizon, len(state.levels)))
    if size_of(found) > MAX_BYTES:
        raise refused(where, f"sizes that need {size_of(found)} bytes of tensors", f"at most {MAX_BYTES}")
    return found


def size_of(specs: Specs) -> int:
    """Return the bytes of all tensors together."""
    return sum(_bytes(spec) for spec in specs.values())


def parse_tensors(buffer: bytes, specs: Specs, where: str) -> Tensors:
    """Check `buffer` against `specs`, byte for byte, and return its tensors as read-only views.

    Raises: ModelError.
    """
    header, begin = _header(buffer, where)
    _check_names(header, specs, where)
    offset = 0
    for name, entry in header.items():
        offset = _check_entry(entry, (name, specs[name]), offset, where)
    if begin + offset != len(buffer):
        raise refused(where, f"{len(buffer)} bytes", f"{begin + offset}, as its header says")
    return {name: _array(buffer, (name, specs[name]), begin + header[name]["data_offsets"][0], where) for name in specs}


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
    return bytes(save({name: np.asarray(tensors[name], order="C") for name in sorted(specs)}))


def _check_combination(manifest: Manifest, where: str) -> None:
    """Refuse a combination that does not carry the forecast, or whose members are not there."""
    names = [one.name for one in manifest.predictors]
    if Ensemble.name not in names:
        return
    first = manifest.predictors[0]
    if first.name != Ensemble.name:
        raise refused(where, f"{Ensemble.name!r} behind {first.name!r}", "a combination before its members")
    members = Ensemble.Parameters.model_validate(first.parameters).model_dump()["members"]
    missing = [name for name in members if name not in names]
    if missing:
        raise refused(where, f"no predictor {missing[0]!r}, a member of the combination", "every member of it")


def _specs_of(name: str, parameters: dict[str, Any], manifest: Manifest, where: str) -> Specs:
    """Ask the predictor for its tensors, whatever its parameters do to it."""
    _check_said(name, parameters, where)
    try:
        return predictors.specs(name, parameters, manifest.window, manifest.n_channels)
    except ForecasterError as error:
        raise refused(where, error.message.rstrip("."), hint=error.hint or _NEWER) from None
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise refused(where, f"parameters of {name!r} that do not work ({printable(error)})") from None


def _check_said(name: str, parameters: dict[str, Any], where: str) -> None:
    """Refuse a network that leaves a parameter out: it may be of before what that decides was in the network."""
    if name not in networks.names():
        return
    missing = [field for field in predictors.kind(name).Parameters.model_fields if field not in parameters]
    if missing:
        raise refused(where, f"{name!r} without its parameter {missing[0]!r}", "all of a network's", hint=_NEWER)


_NEWER = "Train the model again, fetch the folder again, or use the version of forecaster that made it."


def _header(buffer: bytes, where: str) -> tuple[dict[str, Any], int]:
    """Parse the header; return it and where the tensors begin."""
    length = int.from_bytes(buffer[:8], "little")
    if len(buffer) < 8 or not 2 <= length <= min(MAX_HEADER, len(buffer) - 8):
        raise refused(where, f"a header of {length} bytes in a file of {len(buffer)}", "a safetensors file")
    if buffer[8:9] != b"{":
        raise refused(where, "a header that is no JSON object", "a safetensors file")
    header = parse(buffer[8 : 8 + length], where)
    if not isinstance(header, dict):
        raise refused(where, "a header that is no JSON object", "a safetensors file")
    return header, 8 + length


def _check_names(header: dict[str, Any], specs: Specs, where: str) -> None:
    extra = [name for name in header if name not in specs]
    if extra:
        raise refused(where, f"the tensor {extra[0]!r}", "only the tensors that model.json implies")
    missing = [name for name in specs if name not in header]
    if missing:
        raise refused(where, f"no tensor {missing[0]!r}", "every tensor that model.json implies")


def _check_entry(entry: Any, expected: tuple[str, TensorSpec], offset: int, where: str) -> int:
    """Check one header entry, which must begin at `offset`; return where it ends."""
    name, spec = expected
    wanted = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [offset, offset + _bytes(spec)]}
    if not isinstance(entry, dict) or entry.keys() != wanted.keys():
        raise refused(where, f"an entry of {name!r} that is not complete", "dtype, shape and data_offsets")
    for key, value in wanted.items():
        # True == 1 in Python: the text tells them apart.
        if repr(entry[key]) != repr(value):
            raise refused(where, f"{key} {printable(entry[key], 80)} of {name!r}", f"{printable(value, 80)}")
    return offset + _bytes(spec)


def _array(buffer: bytes, expected: tuple[str, TensorSpec], begin: int, where: str) -> NDArray[Any]:
    name, (dtype, shape) = expected
    flat = np.frombuffer(buffer, DTYPES[dtype], math.prod(shape), begin)
    if dtype != "I64" and not _is_sane(flat):
        raise refused(where, f"values of {name!r} that are not finite", "finite numbers of magnitude up to 1e300")
    return (flat if flat.flags.aligned else flat.copy()).reshape(shape)


def _is_sane(flat: NDArray[Any]) -> bool:
    """Tell whether all values are finite and bounded, without a temporary array: NaN spreads to min and max."""
    with np.errstate(invalid="ignore"):
        return flat.size == 0 or bool(-MAX_MAGNITUDE <= float(flat.min()) <= float(flat.max()) <= MAX_MAGNITUDE)


def _bytes(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * DTYPES[spec.dtype].itemsize

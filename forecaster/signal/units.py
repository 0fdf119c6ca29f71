"""Units of measurement: what a text in a header says, whether two of them are one, and how values are converted.

Spelling is told here, by a list of the units of sensors and the products and quotients of them. Sizes are those of
pint, which is loaded only where two units differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UNITS = (
    "g mg m/s^2 m/s2 m/s² m/s**2 ms-2 mm/s mm/s2 m/s km/h m mm cm µm um nm km V mV µV uV kV A mA µA uA kA W kW MW mW "
    "GW VA kVA var kvar Wh kWh MWh J kJ MJ Pa hPa kPa MPa bar mbar psi N kN mN MN Nm N·m kNm °C degC °F degF K C F % "
    "%RH rpm 1/min Hz kHz MHz GHz deg ° °/s deg/s rad rad/s dps µT uT mT T nT G lux lx dB dBA ppm ppb s ms µs us ns "
    "min h um/m µm/m µε ue l ml l/min l/h m3/h kg t Ohm Ω kΩ MΩ mΩ pC e Gal mGal µg ug cm² cm2 mm² m² m2 m³ m3 cm3 mol"
)
UNITS = frozenset(_UNITS.split())
# What stands for the same unit, after Greek letters and powers are written in one way.
_SAME = {
    "°C": "C degC deg_C celsius Celsius degreeC",
    "°F": "F degF deg_F fahrenheit Fahrenheit degreeF",
    "K": "kelvin Kelvin degK",
    "°": "deg degree degrees",
    "1": "none unitless -",
    "1/min": "rpm U/min r/min rev/min",
    "°/s": "dps deg/s",
    "m/s^2": "ms-2 mps2",
    "N·m": "Nm",
    "kN·m": "kNm",
    "lx": "lux",
    "Ohm": "ohm ohms Ohms",
    "kOhm": "kohm",
    "um/m": "ue uε ustrain microstrain",
    "V": "volt volts Volt Volts",
    "A": "amp amps ampere amperes Amp",
    "W": "watt watts Watt",
    "Hz": "hz hertz Hertz",
    "Pa": "pascal",
    "%": "percent pct",
    "l": "litre liter",
    "l/min": "L/min",
    "l/h": "L/h",
    "s": "sec seconds second",
}
ALIASES = {spelling: unit for unit, spellings in _SAME.items() for spelling in spellings.split()}
FACTOR = re.compile(r"(?P<unit>[^\W\d_]+|°[^\W\d_]?|%(?:RH)?|1)(?:\^?(?P<power>-1|-?[2-9]))?")
# How pint writes units that it would take for another thing.
_PINT = {"°C": "degC", "°F": "degF", "°": "degree", "%": "percent", "t": "metric_ton", "h": "hour"}
_PINT |= {"d": "day", "Gal": "galileo", "mGal": "milligalileo", "um": "micrometer", "us": "microsecond"}
_PINT |= {"Ohm": "ohm", "kOhm": "kiloohm", "MOhm": "megaohm", "mOhm": "milliohm"}
_PINT |= {"uV": "microvolt", "uA": "microampere", "uT": "microtesla", "ug": "microgram"}
# Quantities of one dimension that are not one quantity: apparent and real power, a level, a share of what is wet.
UNCONVERTED = frozenset(["VA", "kVA", "var", "kvar", "dB", "dBA", "%RH", "e"])
ANGLES = frozenset(["°", "rad"])
# Standard gravity, in whose multiples accelerometers measure: beside an acceleration, g is no gram.
GRAVITY = {
    unit: f"{prefix}standard_gravity" for unit, prefix in (("g", ""), ("G", ""), ("mg", "milli"), ("ug", "micro"))
}

Factors = tuple[tuple[str, int], ...]


@lru_cache(maxsize=4096)
def factors(text: str) -> Factors | None:
    """Return the units in a text with their powers, in one spelling and order; None where it is no product of units.

    >>> factors("m/s**2"), factors("kg·m^-3"), factors("degC"), factors("two words")
    ((('m', 1), ('s', -2)), (('kg', 1), ('m', -3)), (('°C', 1),), (('two', 1), ('words', 1)))
    """
    plain = ALIASES.get(_folded(text), _folded(text))
    powers: Counter[str] = Counter()
    sign = 1
    for part in re.split(r"([/·])", plain):
        if part in ("/", "·"):
            # All that stands behind a stroke divides: W/m^2·K is per square metre and kelvin.
            sign = -1 if part == "/" else sign
            continue
        match = FACTOR.fullmatch(ALIASES.get(part, part))
        if match is None:
            return None
        if match["unit"] != "1":
            powers[ALIASES.get(match["unit"], match["unit"])] += sign * int(match["power"] or 1)
    return tuple(sorted(item for item in powers.items() if item[1]))


def _folded(text: str) -> str:
    """Return a unit with one letter for micro and for degree, `^` before powers, and `·` between factors."""
    plain = unicodedata.normalize("NFKC", text.strip().replace("º", "°").replace("**", "^").replace("⁻", "-"))
    plain = plain.replace("\u03a9", "Ohm")
    plain = re.sub(r"^[dD]eg(?:rees?)?[ _.]?(?=[CFK]\b)", "deg", plain.replace("μ", "u").replace("−", "-"))
    plain = re.sub(r"\s*/\s*", "/", plain.strip("[]() "))
    return re.sub(r"\s*[*·⋅∙.]\s*|\s+", "·", plain)


KNOWN = frozenset(unit for text in UNITS for unit, _ in factors(text) or ()) | {"m", "s", "kg", "g"}


def is_unit(text: str) -> bool:
    """Return whether a text is a unit of the list, or a product, quotient or power of such.

    >>> is_unit("mm/s^2"), is_unit("kg·m^-3"), is_unit("x"), is_unit("GT")
    (True, True, False, False)
    """
    parts = factors(text)
    return text.strip() in UNITS or (parts is not None and bool(parts) and all(unit in KNOWN for unit, _ in parts))


def same_unit(unit: str, other: str) -> bool:
    """Return whether two units are the same in any spelling: m/s^2, m/s**2 and m/s²; µm and um; degC and °C.

    >>> same_unit("m/s^2", "m/s**2"), same_unit("mg", "g"), same_unit("mW", "MW")
    (True, False, False)
    """
    if unit.strip() == other.strip():
        return True
    parts = factors(unit)
    return parts is not None and parts == factors(other)


def converted(values: NDArray[np.float64], unit: str, other: str) -> NDArray[np.float64]:
    """Return `values` in `unit` as values in the `other` unit.

    >>> converted(np.array([9806.65]), "mm/s^2", "g").round(9).tolist()
    [1.0]

    Raises:
        ValueError: The two measure different things, or one of them is not known.
    """
    source, target = factors(unit), factors(other)
    if source is None or target is None or not _are_of_one_kind(source, target):
        raise ValueError(f"{unit} cannot be converted to {other}")
    import pint

    registry = _registry()
    try:
        to = registry.parse_units(_in_pint(target, beside=source))
        quantity = registry.Quantity(np.asarray(values, np.float64), _in_pint(source, beside=target)).to(to)
    except (pint.PintError, AssertionError, AttributeError, ValueError):
        raise ValueError(f"{unit} cannot be converted to {other}") from None
    return np.asarray(quantity.magnitude, np.float64)


def are_convertible(unit: str, other: str) -> bool:
    """Return whether values in `unit` can be given in the `other` unit.

    >>> are_convertible("kW", "W"), are_convertible("VA", "W"), are_convertible("rpm", "deg/s")
    (True, False, False)
    """
    try:
        converted(np.zeros(1), unit, other)
    except ValueError:
        return False
    return True


def are_one_unit(unit: str, other: str) -> bool:
    """Return whether two texts are the same unit, or two of the same size and kind such as mbar and hPa."""
    if same_unit(unit, other):
        return True
    points = np.array([0.0, 1.0])
    try:
        return bool(np.allclose(converted(points, unit, other), points, rtol=1e-12, atol=1e-12))
    except ValueError:
        return False


def _are_of_one_kind(source: Factors, target: Factors) -> bool:
    """Return whether nothing speaks against a conversion that has the same dimensions on both sides."""
    units, other_units = ({unit for unit, _ in parts} for parts in (source, target))
    either = units | other_units
    have_angles = bool(units & ANGLES) == bool(other_units & ANGLES)
    return have_angles and not either & UNCONVERTED and either <= KNOWN


def _in_pint(parts: Factors, *, beside: Factors) -> str:
    """Return a product of units as pint reads it; g is gravity unless a mass stands on the other side."""
    is_mass = any(unit in ("kg", "t") for unit, _ in beside)
    names = {**_PINT, **({} if is_mass or len(parts) > 1 else GRAVITY)}
    return "*".join(
        f"{names.get(unit, unit)}**{power}" if power != 1 else names.get(unit, unit) for unit, power in parts
    )


@lru_cache(maxsize=1)
def _registry() -> Any:
    """Return pint's table of units; it takes a quarter of a second to load."""
    import pint

    return pint.UnitRegistry(cache_folder=None)

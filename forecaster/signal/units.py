"""Units of measurement: which texts are units, which of them are the same, and how values are converted.

This module knows how units are spelled: it has a list of the units of sensors, and reads their products and
quotients. How large a unit is, pint knows, which is loaded only where two units differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fractions import Fraction

# Units that sensors are in, as they stand alone behind a name.
_UNITS = (
    "g mg m/s^2 m/s2 m/s² m/s**2 ms-2 mm/s mm/s2 m/s km/h m mm cm µm um nm km V mV µV uV kV A mA µA uA nA kA W kW "
    "MW mW µW uW GW VA kVA var kvar Wh kWh MWh GWh J kJ MJ GJ Pa hPa kPa MPa GPa bar mbar psi ksi N kN mN MN Nm N·m "
    "kNm °C degC °F degF K C F % %RH rpm 1/min Hz kHz MHz GHz deg ° °/s deg/s rad mrad rad/s dps µT uT mT T nT G lux "
    "lx dB dBA dBm ppm ppb s ms µs us ns min h um/m µm/m µε ue l ml mL l/min L/min l/h m3/h kg t lbf Ohm Ω kΩ MΩ mΩ "
    "pC e Gal mGal µg ug cm² cm2 mm² mm2 m² m2 m³ m3 cm3 mol mmol ft mph hp kcal mmHg inHg Torr atm mS µS uS mF µF uF "
    "nF pF mH µH uH lm cd Bq kBq Sv mSv µSv uSv gpm GPM cfm CFM lpm"
)
UNITS = frozenset(_UNITS.split())
# Those that mean other things where they stand alone: Temp (in), acc (L), line (S).
_IN_PRODUCTS = "in lb oz L S H d yd mi gal cal rev Gy kgf dyn"
IN_PRODUCTS = frozenset(_IN_PRODUCTS.split())
# What stands for the same unit, after Greek letters and powers are written in one way.
_SAME = {
    "°C": "C degC degc deg_C deg_c celsius Celsius degreeC",
    "°F": "F degF degf deg_F deg_f fahrenheit Fahrenheit degreeF",
    "K": "kelvin Kelvin degK",
    "°": "deg degree degrees",
    "1": "none unitless -",
    "1/min": "rpm RPM U/min r/min rev/min",
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
    "l": "L litre liter",
    "ml": "mL",
    "l/min": "lpm",
    "gal/min": "gpm GPM",
    "ft^3/min": "cfm CFM",
    "mi/h": "mph",
    "h": "hr hour hours",
    "min": "minute minutes",
    "s": "sec seconds second",
    "d": "day days",
}
ALIASES = {spelling: unit for unit, spellings in _SAME.items() for spelling in spellings.split()}
FACTOR = re.compile(r"(?P<unit>[^\W\d_]+|°[^\W\d_]?|%(?:RH)?|1)(?:\^?(?P<power>-1|-?[2-9]))?")
# How units are written for pint, which would take these spellings for other things.
_NAMES = (
    "°C:degC °F:degF °:degree %:percent t:metric_ton h:hour d:day Gal:galileo mGal:milligalileo um:micrometer "
    "us:microsecond hp:horsepower Ohm:ohm kOhm:kiloohm MOhm:megaohm mOhm:milliohm inHg:inch_Hg uV:microvolt "
    "uA:microampere uT:microtesla ug:microgram uS:microsiemens uW:microwatt uF:microfarad uH:microhenry Torr:torr "
    "in:inch lb:pound gal:gallon cal:calorie kcal:kilocalorie lbf:pound_force"
)
_PINT = dict(pair.split(":") for pair in _NAMES.split())
# Quantities of one dimension that are not one quantity: apparent and real power, a level, a share of what is wet.
_UNCONVERTED = "VA kVA var kvar dB dBA dBm %RH e Bq kBq Sv mSv uSv Gy cd lm"
UNCONVERTED = frozenset(_UNCONVERTED.split())
ANGLES = frozenset(["°", "rad", "mrad", "rev"])
MASSES = frozenset(["kg", "t", "lb", "oz"])
# Standard gravity, in whose multiples accelerometers measure: beside an acceleration, g is no gram.
GRAVITY = {
    unit: f"{prefix}standard_gravity" for unit, prefix in (("g", ""), ("G", ""), ("mg", "milli"), ("ug", "micro"))
}

Factors = tuple[tuple[str, int], ...]
# Whole numbers below it are doubles.
EXACT = 2**53


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
    plain = plain.replace("μ", "u").replace("−", "-")
    plain = re.sub(r"^deg(?:rees?)?[ _.]?(?=[CFK]\b)", "deg", plain, flags=re.IGNORECASE)
    plain = re.sub(r"\s*/\s*", "/", plain.strip("[]() "))
    return re.sub(r"\s*[*·⋅∙.]\s*|\s+", "·", plain)


@lru_cache(maxsize=1)
def _alone() -> frozenset[str]:
    """Return the units of the list in one spelling. They are taken apart when the first unit is asked for."""
    return frozenset(unit for text in UNITS for unit, _ in factors(text) or ())


def _is_known(unit: str) -> bool:
    return unit in IN_PRODUCTS or unit in _alone()


def is_unit(text: str) -> bool:
    """Return whether a text is a unit of the list, or has the form of one: a product, a quotient or a power of units.

    Of a quotient, what stands above the stroke may be anything that is counted: counts/s.

    >>> is_unit("mm/s^2"), is_unit("kg·m^-3"), is_unit("counts/s"), is_unit("x"), is_unit("GT"), is_unit("in")
    (True, True, True, False, False, False)
    """
    parts = factors(text)
    if text.strip() in UNITS or not parts:
        return text.strip() in UNITS
    if len(parts) == 1 and parts[0][1] == 1:
        return parts[0][0] in _alone() and text.strip() not in IN_PRODUCTS
    is_quotient = any(power < 0 for _, power in parts)
    return all(_is_known(unit) or (is_quotient and power == 1 and len(unit) > 1) for unit, power in parts)


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
    """Return `values` in `unit` as values in the `other` unit, exact to the last place of a double or the one beside.

    >>> converted(np.array([9806.65]), "mm/s^2", "g").tolist(), converted(np.array([212.0]), "degF", "degC").tolist()
    ([1.0], [100.0])

    Raises:
        ValueError: The two measure different things, or one of them is not known.
    """
    factor_and_offset = conversion(unit, other)
    if factor_and_offset is None:
        raise ValueError(f"{unit} cannot be converted to {other}")
    factor, offset = factor_and_offset
    # One division is rounded once, as the product with the inverse is not.
    if not offset and factor.numerator == 1 and factor.denominator < EXACT:
        return values / float(factor.denominator)
    if not offset and factor.denominator == 1 and factor.numerator < EXACT:
        return values * float(factor.numerator)
    terms = (np.longdouble(str(term)) for part in (factor, offset) for term in (part.numerator, part.denominator))
    up, down, add_up, add_down = terms
    return np.asarray(values.astype(np.longdouble) * up / down + add_up / add_down, np.float64)


@lru_cache(maxsize=4096)
def conversion(unit: str, other: str) -> tuple[Fraction, Fraction] | None:
    """Return the factor and the offset that turn values in `unit` into the `other` unit; None if they cannot be.

    A converted value is the factor times the value, plus the offset.

    >>> conversion("mm/s^2", "m/s^2"), conversion("kW", "degC")
    ((Fraction(1, 1000), Fraction(0, 1)), None)
    """
    source, target = factors(unit), factors(other)
    if source is None or target is None or not _are_of_one_kind(source, target):
        return None
    from fractions import Fraction

    import pint

    registry, names = _registry(), (_in_pint(source, counterpart=target), _in_pint(target, counterpart=source))
    try:
        at_zero, at_one = (registry.Quantity(Fraction(value), names[0]).to(names[1]).magnitude for value in (0, 1))
    except (pint.PintError, AssertionError, AttributeError, ValueError):
        return None
    return Fraction(at_one - at_zero), Fraction(at_zero)


def are_convertible(unit: str, other: str) -> bool:
    """Return whether values in `unit` can be given in the `other` unit.

    >>> are_convertible("kW", "W"), are_convertible("VA", "W"), are_convertible("rpm", "deg/s")
    (True, False, False)
    """
    return conversion(unit, other) is not None


def are_one_unit(unit: str, other: str) -> bool:
    """Return whether two texts are the same unit, or two of the same size and kind such as mbar and hPa."""
    if same_unit(unit, other):
        return True
    terms = conversion(unit, other)
    return terms is not None and terms[0] == 1 and terms[1] == 0


def _are_of_one_kind(source: Factors, target: Factors) -> bool:
    """Return whether nothing speaks against a conversion that has the same dimensions on both sides."""
    units, other_units = ({unit for unit, _ in parts} for parts in (source, target))
    either = units | other_units
    agree_on_angles = bool(units & ANGLES) == bool(other_units & ANGLES)
    return agree_on_angles and not either & UNCONVERTED and all(map(_is_known, either))


def _in_pint(parts: Factors, *, counterpart: Factors) -> str:
    """Return a product of units as pint reads it. A g is gravity, unless the `counterpart` is a mass."""
    is_mass = any(unit in MASSES for unit, _ in counterpart)
    names = {**_PINT, **({} if is_mass or len(parts) > 1 else GRAVITY)}
    return "*".join(
        f"{names.get(unit, unit)}**{power}" if power != 1 else names.get(unit, unit) for unit, power in parts
    )


@lru_cache(maxsize=1)
def _registry() -> Any:
    """Return pint's table of units; it takes half a second to load."""
    from fractions import Fraction

    import pint

    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)

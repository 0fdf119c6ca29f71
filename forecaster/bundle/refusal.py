"""The one form of every refusal of the gate: what was found, where, what was expected, what to do."""

from __future__ import annotations

from forecaster.errors import ModelError, printable

AGAIN = "Train the model again, or fetch the folder again from where it came."


def refused(where: str, found: str, expected: str = "", *, hint: str = AGAIN) -> ModelError:
    """Compose a ModelError, to be raised.

    >>> str(refused("m/model.json", "the key 'x' twice", "each key once", hint="Train it again."))
    "m/model.json: found the key 'x' twice; expected each key once. Train it again."
    """
    tail = f"; expected {expected}" if expected else ""
    return ModelError(f"{printable(where, 400)}: found {printable(found, 500)}{tail}.", hint=hint)

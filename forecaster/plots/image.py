"""A figure as bytes: the same figure gives the same bytes, with no date and no program name in them."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecaster.errors import UsageError, printable
from forecaster.files import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
_SILENT: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def png(figure: Figure) -> bytes:
    """Return `figure` as PNG, at 100 pixels an inch."""
    return image(figure, ".png")


def image(figure: Figure, suffix: str) -> bytes:
    """Return `figure` in the format of `suffix`; UsageError names those that work."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kind = suffix.lower()
    if kind not in SUFFIXES:
        found = f"A picture cannot be written as {printable(suffix) or 'a file without suffix'}."
        raise UsageError(found, hint=f"Name the file with one of {', '.join(SUFFIXES)}.")
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "forecaster", "path.simplify": True}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks is shown as boxes
        warnings.filterwarnings("ignore", message="AutoDateLocator")  # it then takes its coarsest interval: fine
        figure.savefig(buffer, format=kind[1:], metadata=_SILENT[kind])
    return buffer.getvalue()


def save(figure: Figure, path: Path | str) -> None:
    """Write `figure` to `path`, whole or not at all, in the format of its suffix.

    Raises:
        UsageError: the suffix is none of `SUFFIXES`.
        OutputError: the file cannot be written.
    """
    write_file(path, image(figure, Path(path).suffix))

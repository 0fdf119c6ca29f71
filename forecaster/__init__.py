"""From raw sensor recordings to a trusted forecast, on the equations of five lectures."""

__version__ = "0.1.0"

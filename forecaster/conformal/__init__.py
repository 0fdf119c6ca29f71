"""Conformal bands: residuals on the validation part, what they are worth, and how wide a band is here and now."""

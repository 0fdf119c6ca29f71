"""Signals, and all that is taken from them before anything is learned: windows, origins, splits, scaling, spectra."""

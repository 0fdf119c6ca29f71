"""The lectures' layers in NumPy: what forecasts run on, and what the Keras layers are held against."""

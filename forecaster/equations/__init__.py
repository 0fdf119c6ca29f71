"""The lectures' networks as equations in NumPy: forecasts run on them, and the Keras layers must equal them."""

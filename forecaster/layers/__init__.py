"""The lectures' layers in Keras, each written to be read beside its equations in `forecaster.equations`."""

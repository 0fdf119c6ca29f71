"""From a context to a forecast: the recursive rollout over any horizon, and what a forecast is."""

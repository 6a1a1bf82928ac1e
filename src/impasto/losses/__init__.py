"""Features to a scalar, in pure functions."""

"""Many tasks: sweeps over settings."""

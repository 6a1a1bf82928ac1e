"""Jobs of many tasks: sweeps over inputs and settings."""

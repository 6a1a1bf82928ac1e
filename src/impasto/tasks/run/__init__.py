"""From an objective and a schedule to steps: device, memory plan, starting point, and the run."""

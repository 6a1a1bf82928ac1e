"""An objective and a schedule, turned into steps: device, memory plan, starting point, and the run itself."""

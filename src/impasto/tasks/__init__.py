"""The tasks, one module each, and the packages that they share: training, run, objective, scene, tiling."""

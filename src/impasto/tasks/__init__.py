"""Where the parts meet: a file for each verb, and the rooms that they share: training, run, objective, tiling."""

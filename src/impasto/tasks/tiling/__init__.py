"""An objective in parts: the stages and tiles of a network, their memory, and the processes that share the tiles."""

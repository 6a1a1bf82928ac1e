"""One objective in parts: a network cut into stages and tiles, the memory that they take, and the processes that share
them."""

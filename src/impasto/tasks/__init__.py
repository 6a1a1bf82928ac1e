"""The only place where the parts meet: one settings dataclass and one function a task."""

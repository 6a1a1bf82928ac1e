"""Paintings drawn by arithmetic: shared fields and brushes, and one module per medium."""

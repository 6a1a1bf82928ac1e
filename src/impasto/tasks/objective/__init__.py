"""From a scene and settings to the named terms of an objective."""

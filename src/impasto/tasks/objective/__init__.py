"""What a picture is to be like: photo, paintings and settings, turned into the named terms of an objective."""

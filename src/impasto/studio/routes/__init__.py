"""The routes of the API, version 1."""

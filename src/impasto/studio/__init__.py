"""The studio: a page on this machine where people make pictures, and its HTTP API."""

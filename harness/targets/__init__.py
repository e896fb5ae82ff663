"""The routers under test, one file each, found by their file's name."""

"""Upstream providers, one file each, found by their file's name."""

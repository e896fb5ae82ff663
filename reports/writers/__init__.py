"""Renderings of one result, one file each."""

"""The faults, one file each, found by their file's name."""

"""From a log of what really happened to a scenario that plays it again: readers, segments, windows, YAML.

A reader turns its file into `events.Event` rows, which hold numbers and names from closed lists and nothing else. All
that comes after knows only those, so no credential and no prompt can pass.
"""

"""Runs a scenario from start to verdict: processes, faults, load, ledger, command line."""

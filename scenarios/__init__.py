"""The scenario language and the library of ready scenarios."""

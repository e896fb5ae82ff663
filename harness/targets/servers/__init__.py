"""Small servers around routers that are libraries. Each runs by its path inside its target's own environment.

They import nothing of banstorm, and banstorm imports none of them.
"""

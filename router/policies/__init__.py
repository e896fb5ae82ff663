"""Resilience policies, one file each, composed in `router.core`."""

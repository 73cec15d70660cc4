"""The demo: one night of a small clinic, computed on the embedded store."""

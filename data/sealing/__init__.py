"""Sealing: what is stored can be read only with the keys, and only where it was put."""

"""Tests of the doors: one contract for every adapter of a port, and each adapter's own promises."""

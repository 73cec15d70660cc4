"""Tests of the record: one contract for every store, and each store's own promises."""

"""Tests of the parts of `phms serve`."""

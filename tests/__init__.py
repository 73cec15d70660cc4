"""Tests: one folder per room, acceptance tests per issue, scenes, benchmarks."""

"""Tests of the room `risk`."""

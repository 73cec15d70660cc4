"""Stores behind the Record port: in memory, and SQLite on disk."""

"""The record: the words everyone shares, and where they are kept."""

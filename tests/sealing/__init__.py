"""Tests of the keys: sealed values, the keyring, changing keys under a record at work, and the command for it."""

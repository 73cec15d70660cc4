"""Scenes: scripted conversations that anyone can read, and the runner that plays them."""

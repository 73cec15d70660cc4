"""The domain model: frozen dataclasses that are stored or that two rooms exchange."""

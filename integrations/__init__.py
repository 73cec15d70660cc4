"""The doors: one file per outside system, vendor bytes to our words and back."""

"""From observations to concern: rules as data, early-warning scores with bounds, flags with reasons."""

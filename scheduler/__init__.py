"""From time to work: what is due, who is told next, and when people want quiet."""

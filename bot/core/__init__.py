"""The pure core: chart, event, now -> changes."""

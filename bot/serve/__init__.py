"""`phms serve`: the doors to the outside, the workers behind them, and what tells how they fare."""

"""What the benchmark of the doors is made of: load, a provider that takes everything, and the peer."""

"""`phms serve` as a process of its own, for tests: started, asked, killed, started again on the same record."""

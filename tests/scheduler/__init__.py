"""Tests of the scheduler: the escalation's arrows and its model check, replies, recurrence, courtesy."""

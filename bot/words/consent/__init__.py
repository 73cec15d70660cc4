"""What a patient agrees to, one file per language: for each purpose what, why, who sees it and how to end it."""

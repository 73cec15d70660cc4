"""What people say and how: phrases, cues and examples per language, for a clinician to review."""

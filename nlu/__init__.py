"""From words to meaning: readings, symptoms with assertion, intents, and the safety screen."""

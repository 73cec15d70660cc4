"""Every sentence the bot may say, per language, with the lint that keeps them safe."""

"""The front desk: dialogue, core, shell, command line and scenes."""

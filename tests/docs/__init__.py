"""The parts of the README that are generated from the code: the map, the settings table, the commands."""

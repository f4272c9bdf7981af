"""The processor's commands, found by the entry-point group `algovigil.commands`."""

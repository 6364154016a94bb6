"""The columns of tables: what they hold, how they are encoded, the files that they come in."""

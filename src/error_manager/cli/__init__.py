"""The command line: one file per command, loaded by name through the table in main."""

"""The command line: one file a command, the options declared once in `options`."""

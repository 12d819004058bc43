"""One file for each command: arguments in, one call, report out, exit status. Imported when the command is named."""

"""Does the application work on what was restored? One file for each way of asking."""

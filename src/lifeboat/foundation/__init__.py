"""What every floor may use: errors, clock, sizes, secrets, findings, progress. Imports nothing of ours."""

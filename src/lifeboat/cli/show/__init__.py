"""What people see: one module for each report. Nothing here decides anything."""

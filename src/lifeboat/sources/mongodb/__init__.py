"""A MongoDB server: captured by snapshot reads, restored beside the live data, compared, swapped in."""

"""Documents for people: put together from blocks, written as Markdown or as one HTML file that prints well."""

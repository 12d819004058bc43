"""The demonstration's application, kept up for people who exercise: disasters are planted in it, and somebody says whether they were mended."""

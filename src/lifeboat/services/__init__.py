"""What goes on without anybody at a terminal. The services are strangers to each other; ``app`` puts them together."""

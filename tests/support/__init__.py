"""What tests build and start: cassettes, captures, sockets, processes, certificates."""

"""What `make up` runs: the whole system on one machine, in containers or as plain processes."""

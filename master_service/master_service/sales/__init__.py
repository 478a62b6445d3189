"""Sales: customers, who looks after them, and what was sold to them at which price."""

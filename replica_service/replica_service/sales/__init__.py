"""Sales as the storefront sees them: what was sold, how often, where; never to whom."""

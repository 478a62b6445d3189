"""The storefront: the catalogue as its readers want it, kept up to date by the consumer."""

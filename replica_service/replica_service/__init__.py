"""The shop's storefront: keeps a read-only copy of the catalogue, shaped for its readers."""

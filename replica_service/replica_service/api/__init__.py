"""What every resource of the API shares: one error body, pages, ordering."""

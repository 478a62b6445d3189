"""What every resource of the API shares: who may write, one error body, pages, parsing."""

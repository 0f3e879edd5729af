"""`make demo`: a client of the API that submits a batch, shows it live, and proves what it made."""

"""The control center in a real browser, on a real API with a worker."""

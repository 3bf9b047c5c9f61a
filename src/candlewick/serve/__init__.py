"""A runtime engine behind a socket: bars in, forecasts out, nothing lost."""

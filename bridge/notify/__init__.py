"""How people hear: one module per channel."""

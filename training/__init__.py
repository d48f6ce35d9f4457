"""How the models that are shipped were made; nothing here is installed."""

"""The addresses: each module has a `router`."""

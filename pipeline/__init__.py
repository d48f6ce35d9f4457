"""Speech to text as pure steps: values in, values out. Knows no queue, database, network, clock or settings."""

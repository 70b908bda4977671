"""Features and labels of customers that see only what was known at their cutoff."""

"""Public data sets as canonical tables, to check features against published numbers."""

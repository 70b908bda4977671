"""The families of features; each turns what was visible at one cutoff into columns, one row a customer."""

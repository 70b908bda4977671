"""The canonical tables of customers, whichever platform they come from."""

"""The catalogue: categories, listings, their revisions and stock."""

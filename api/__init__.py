"""The door for partner systems: REST under /api/v1/, documented by its own OpenAPI page."""

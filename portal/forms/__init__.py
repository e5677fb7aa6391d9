"""The portal's forms: they shape input and nothing else; what is acceptable is decided by the services."""

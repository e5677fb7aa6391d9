"""The PostgreSQL backend of the house: Django's, with statements that travel together."""

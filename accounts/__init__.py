"""People and programs that sign in: users, roles, API keys."""

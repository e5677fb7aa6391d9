"""The rulesets a new marketplace starts from; analysts take it from there."""

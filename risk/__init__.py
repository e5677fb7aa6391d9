"""Judgement: facts, features, rules, score, policy, and the decision they make."""

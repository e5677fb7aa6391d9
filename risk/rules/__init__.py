"""The rule language: conditions as text, read into a typed tree, run as one function.

expression.parse → tree → scalar.compile_conditions → engine.compile_ruleset → Evaluation.
"""

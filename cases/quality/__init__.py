"""Quality of the review desk: second looks at what was decided, golden cases, and what they say."""

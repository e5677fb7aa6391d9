"""Review cases for the tools of reviewers: each key acts in the name of its one person."""

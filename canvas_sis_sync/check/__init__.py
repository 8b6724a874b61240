"""What Canvas would say about a delivery, found from the files alone before anything is sent.

Owns the rules and their words. Leaves to others where files are, settings, and showing what was found. Begin with
`_rule` (what a rule is), `registry` and `rules/`; `engine` is the entrance.
"""

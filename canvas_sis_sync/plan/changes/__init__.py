"""A delivery against an earlier one: what its rows change, and what diffing or batch mode would make of that.

Owns the comparison by key, its size in memory and on disk. Begin with `comparing`.
"""

"""The files of a delivery as values: from a folder or a zip, converted to UTF-8, packed, and read back.

Owns zips: what may be believed of one that somebody else made, and how ours is written. Begin with `opening`.
"""

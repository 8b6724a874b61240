"""A small Canvas on this machine: what the demo and the tests run against, and where a new feed is rehearsed.

Keeps the SIS Imports API as the fact sheet describes it, shares no rule with the program but the data of the file
formats, and misbehaves on request. Begin with `sandbox`. Werkzeug is imported only when a `Sandbox` is made.
"""

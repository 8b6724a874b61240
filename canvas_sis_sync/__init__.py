"""Carry a student information system's CSV exports into Canvas LMS, and answer for the result."""

__version__ = "0.1.0"

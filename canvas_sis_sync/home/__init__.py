"""What is on our disk: settings, inbox, archive, journal, batches, lock and log.

Begin with `batch` (the record of a batch and its states) and `settings`.
"""

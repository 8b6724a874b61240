"""Canvas's SIS Imports API as typed questions and answers; the only importer of requests.

Begin with `client`; `records` has what Canvas shows, `options` the import parameters.
"""

"""The steps of a batch's life, one module each: journal the intention, do it, make it last, journal the fact.

Each step takes the `Context` and a batch and gives the batch as it stands afterwards. A step that was cut short is
simply called again by the next run. The order of the steps is `sync`'s.
"""

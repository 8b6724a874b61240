"""What a delivery would change in Canvas, and whether that is plausible.

`changes` compares a delivery with an earlier one and predicts what Canvas makes of it; `breakers` hold what is not
plausible. Begin with `values`.
"""

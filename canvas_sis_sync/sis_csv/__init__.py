"""Canvas's CSV: what kinds of file there are and how their bytes become rows.

Owns the 22 kinds as data, recognition, the dialect and the counting of rows. Leaves to others what a row means and
where a file is. Section numbers with CSV refer to docs/canvas/csv-formats.md, API and DIFF likewise. Begin with
`kinds`, then `reader`.
"""

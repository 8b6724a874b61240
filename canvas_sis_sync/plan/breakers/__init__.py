"""What holds a delivery before anything is sent; docs/breakers.md has a section for each. Begin with `registry`."""

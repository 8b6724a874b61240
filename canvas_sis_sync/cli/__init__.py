"""The command line: options in, results out. Begin with `main`."""

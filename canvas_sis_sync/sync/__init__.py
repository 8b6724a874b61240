"""One run, and what a person says about a batch. Begin with `run`, which has the order of the steps."""

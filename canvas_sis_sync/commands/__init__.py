"""One module a command: plain typed functions that compose the working modules; imported when named."""

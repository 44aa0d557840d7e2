"""The corpus generator: one module a kind of document, `mixture` for the whole."""

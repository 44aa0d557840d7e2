"""The page: one file a region or tab with its widgets and what it shows, and the wiring between them."""

"""The page's actions as named endpoints for programs: a moment goes in, a record comes out as plain JSON."""

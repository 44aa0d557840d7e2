"""Puts Tokenscope onto other machines."""

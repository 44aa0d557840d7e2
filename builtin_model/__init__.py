"""The small language model that ships with Tokenscope: its corpus, its training, its probes and its weights."""

"""The index of pattern vectors: Qdrant embedded or by URL, and the way to the process that has it."""

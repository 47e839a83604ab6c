"""The read API against the reference, answer by answer: right or different, and why; no speed."""

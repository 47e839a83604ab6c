"""Who and when taken out, and the proof of it."""

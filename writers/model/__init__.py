"""What is asked of a writer and what passes between its stages: frozen."""

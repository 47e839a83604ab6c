"""The write side: the sink and its store, the one-pass pyramid engine, the emitters."""

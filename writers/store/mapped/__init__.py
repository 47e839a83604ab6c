"""One machine, fastest: mapped chunks, with locks, journal, redo logs and growth around them."""

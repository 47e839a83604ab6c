"""What an image is: frozen facts and the contract of a backend; no I/O."""

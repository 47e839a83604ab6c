"""The optional kernel in C, and when it runs: lists of JPEG tiles in one call without the lock.

``decode.c`` has no format knowledge and no policy. Whatever it doubts is decoded by
:mod:`ziggurat.readers.codecs.decode`, which gives the same pixels, and the errors.
"""

"""The other kind of store: immutable segments of tiles, put once and blended on reading.

Nothing in it is ever changed, so there is nothing to lock, and it may lie where machines share
no memory: NFS, Lustre, object storage. ``layout`` says what lies where, ``objects`` how it is got.
"""

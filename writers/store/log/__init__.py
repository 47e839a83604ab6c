"""Many machines: tiles go out in immutable segments, put once under the key of their task."""

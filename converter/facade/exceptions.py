"""The errors under the names that scripts written for the reference catch."""

from ziggurat.readers.exceptions import *  # noqa: F403

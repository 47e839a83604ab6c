"""Whole conversions: plan, run, verify, report; and the command line."""

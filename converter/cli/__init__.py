"""The command line: arguments in, tables out. An option is a field of ``plan.options`` first."""

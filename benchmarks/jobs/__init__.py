"""One file a job: its cases, and what each contestant does; peers are a few lines each."""

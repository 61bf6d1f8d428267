"""`mesotape scan` and `mesotape redact`: secrets in cassettes that are already written.

Start with scan.py, which lists them. redact.py writes a cassette without them. Both only print what
`cassettes/scanning/` finds.
"""

"""Secrets in files: which rules a user wants, where secrets are, and a file without them.

Start with secret_findings.py, which lists the secrets of a cassette. rewriting.py writes a cassette
without them, and rule_files.py reads the rules of a user.
"""

"""The secrets found so far: their placeholders, and where they occur again in any spelling.

Start with secrets.py. spellings.py searches for all of them at once, and parts.py finds the secrets
in a larger one. suspects.py tells which texts need to be looked into at all.
"""

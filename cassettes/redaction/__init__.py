"""Replacing secrets in documents before they are written.

Start with redactor.py, which redacts one document after another, then rules.py, the table of rules.
Where a secret is decides about it (headers.py, urls.py, json_text.py), or what it looks like
(value_shapes.py, names.py, command_lines.py); text.py looks into one text, in every encoding.
What was found before is found again by the folder known_secrets.
"""

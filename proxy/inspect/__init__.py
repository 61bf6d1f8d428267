"""The command `mesotape inspect`.

Start with command.py. sources.py opens what is inspected, follow.py reads a running server,
row_lines.py formats rows, and summary.py counts them.
"""

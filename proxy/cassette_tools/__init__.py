"""The commands for written cassettes: `validate`, `query`, `cut`, `report`, `export` and others.

Start with validate.py. Each command turns its options into calls of a folder of `cassettes/`, and
prints what that finds; cassette_files.py is what they share. Their options and the texts of
`--help` are in `proxy/command_line/`.
"""

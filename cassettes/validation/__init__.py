"""The checks of a cassette, shared by `validate`, `inspect`, `replay` and the pytest plugin.

Start with judge.py. findings.py lists what can be found and what follows from it, structure.py
compares documents with each other, content.py examines heads and bodies, fault_lines.py finds the
line of a fault, and fixing.py makes the changes of `mesotape validate --fix`.
"""

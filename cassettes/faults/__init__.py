"""Faults on request: damage to answers and streams, selected and seeded.

Start with kinds.py, the table of faults, and fault_spec.py, which parses `#3:close@5`.
injection.py decides what a fault hits; answer_faults.py and stream_faults.py do the damage.
"""

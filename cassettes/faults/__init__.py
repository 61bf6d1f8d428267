"""Faults on request: damage to answers and streams, selected by position or by chance.

Start with kinds.py, the table of faults, and fault_spec.py, which parses `#3:close@5`.
injection.py decides which faults hit a request; answer_faults.py damages answers, stream_faults.py
and record_effects.py streams.
"""

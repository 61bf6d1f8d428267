"""Answers at replay: a status and a body, or a stream of timed steps.

Start with answer.py, the types. pace.py computes when an event is due, timeline.py turns recorded
events into steps, gates.py and stepping.py hold a step until a condition is met, and transcoding.py
converts a body to the other encoding.
"""

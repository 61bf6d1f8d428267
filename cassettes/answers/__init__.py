"""Answers at replay: a status and a body, or a stream of timed steps.

Start with answer.py, the types. pace.py computes when an event is due, timeline.py turns
recorded events into steps, gates.py holds a step until a condition is met, and transcoding.py
converts an answer to the other encoding.
"""

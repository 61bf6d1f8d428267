"""Which call of a client an event waits for.

Start with causality.py. identities.py tells who made a call, container_sessions.py and
container_input.py handle input streams, subscriptions.py checks that a framework is subscribed,
and constraints.py applies all of it at replay.
"""

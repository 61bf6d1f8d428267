"""The order between exchanges at replay: which call of a client an event waits for.

Start with causality.py. identities.py names the client that made a call, container_calls.py,
container_sessions.py and container_input.py handle containers, subscriptions.py checks that a call
belongs to an open stream, and constraints.py applies all of it.
"""

"""The v1 HTTP APIs: endpoints, calls, encodings, and refusals.

Start with apis.py, the table of the five APIs and their calls. endpoints.py finds the API of a
path, negotiation.py chooses the encoding of a response, and call_validation.py and refusals.py
give the status and the text with which Mesos refuses a request.
"""

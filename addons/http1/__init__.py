"""HTTP/1.1 in mitmproxy: what it does not do by itself, added to its classes.

Start with http1_gaps.py, which adds trailers and 1xx responses. head_limits.py bounds heads, and
unparsed_requests.py reports requests for which mitmproxy calls no hook.
"""

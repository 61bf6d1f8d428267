"""HTTP/1.1 on a socket: parsing requests and writing responses.

Start with http1.py. request_parser.py turns received bytes into requests within limits, and
request_cache.py remembers the requests whose bytes repeat.
"""

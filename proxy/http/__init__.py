"""HTTP/1.1 on a socket: parsing requests and writing responses.

Start with http1.py, which has the events of a connection and its limits. request_parser.py turns
received bytes into these events, and request_cache.py returns them without parsing for bytes that
were received before. proxy_variables.py is about proxies in the environment of clients.
"""

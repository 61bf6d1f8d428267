"""The HTTP that Mesos needs, without I/O: requests, headers, gzip, redirects.

Start with request.py, the request that the layers above receive, match and answer. redirects.py
has the rules of Mesos for pointing a client at the leading master.
"""

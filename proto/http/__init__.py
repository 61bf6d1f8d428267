"""HTTP as Mesos uses it, without I/O: requests, headers, addresses, gzip, redirects.

Start with request.py, the request that the layers above receive, match and answer. headers.py
looks up header fields. redirects.py has the rules by which Mesos points a client at the leading
master.
"""

"""One flow of mitmproxy while it is recorded, also beside addons and options that change it.

What the client sent and what it got become observations. What differs from that at the upstream,
and what could not be observed, becomes a note.

Start with `proxied_exchange`.
"""

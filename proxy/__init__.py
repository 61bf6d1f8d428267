"""What you start: the commands, the embedded mitmproxy, the replay server."""

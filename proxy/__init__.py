"""The programs: the commands, the embedded mitmproxy, the replay server."""

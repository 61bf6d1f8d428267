"""What is shown while a command runs: a panel on a terminal, or lines of JSON; and long output.

Start with live_panel.py; record_panel.py and replay_panel.py are what it draws. pager.py has the
pages, and progress.py one line of how much of a large file is read. Only replay_lines.py changes
what a pipe or a file gets.
"""

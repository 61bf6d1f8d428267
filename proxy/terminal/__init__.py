"""What only a terminal shows: pages of long output, and a panel while a command runs.

Start with live_panel.py; record_panel.py and replay_panel.py are what it draws. pager.py has the
pages. Nothing here changes what a pipe or a file gets.
"""

"""What only a terminal shows: pages of long output.

Start with pager.py. Nothing here changes what a pipe or a file gets.
"""

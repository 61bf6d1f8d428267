"""Reports of a replay for continuous integration.

Start with reported_replay.py, what they have in common. junit.py makes JUnit XML, markdown.py a
summary, and annotations.py the commands that annotate lines of files on GitHub.
"""

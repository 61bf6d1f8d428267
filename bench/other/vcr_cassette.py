"""Load a cassette of vcrpy, and answer requests from it: python vcr_cassette.py FILE BODY…

Prints the seconds of CPU that loading takes, and those for each body that is asked for.
"""

import sys
import time

from vcr.cassette import Cassette
from vcr.matchers import body, method, uri
from vcr.record_mode import RecordMode
from vcr.request import Request

URI = "http://127.0.0.1:5050/api/v1"


def main() -> None:
    path, *bodies = sys.argv[1:]
    began = time.process_time()
    cassette = Cassette.load(
        path=path,
        match_on=(method, uri, body),
        record_mode=RecordMode.NONE,
        allow_playback_repeats=True,
    )
    loaded = time.process_time()
    for each in bodies:
        headers = {"Content-Type": "application/json"}
        cassette.play_response(Request("POST", URI, each.encode(), headers))
    print(loaded - began, (time.process_time() - loaded) / max(1, len(bodies)))


if __name__ == "__main__":
    main()

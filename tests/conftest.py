import signal

import pytest
from hypothesis import settings

# The machines that run this are slow at times, and no test is about how long an example takes.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# A shell starts what it runs in the background with Ctrl-C ignored, and nohup ignores hanging up;
# the commands under test would inherit that.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(params=["compiled", "pure"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with the compiled conversion of messages, and with that of Python."""
    from mesotape.proto.messages import fast_conversion

    if request.param == "pure":
        monkeypatch.setattr(fast_conversion, "native", None)
    elif fast_conversion.native is None:
        pytest.skip("the compiled module was not built")

import signal

from hypothesis import settings

# The machines that run this are slow at times, and no test is about how long an example takes.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# A shell starts what it runs in the background with Ctrl-C ignored, and nohup ignores hanging up;
# the commands under test would inherit that.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

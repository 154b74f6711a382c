"""The beginning of a program that SIGALRM interrupts at any moment, as Ctrl+C does, while `armed` is true."""

INTERRUPTED = """
import random, signal, sys
from monty_mqtt import ZmqBroadcaster

class Interrupt(BaseException):
    pass

def interrupt(*_):
    if armed:
        raise Interrupt

sys.unraisablehook = lambda _: None  # an interrupt that falls into a callback of the garbage collector ends there
signal.signal(signal.SIGALRM, interrupt)
"""

"""The witness of a cluster's order tells a message that overtook from one whose first copy died on its way."""

from __future__ import annotations

import pytest
from kit.cluster.order_witness import Head, Seen

ARRIVALS = {
    "in order": ([(0, 0), (1, 0), (2, 0)], [], []),
    "given again by the node, half a minute later": ([(0, 0), (2, 0), (1, 1)], [], []),
    "repeated by another bridge before that": ([(0, 0), (2, 0), (1, 0), (1, 1)], [1], []),
    "overtaken": ([(0, 0), (2, 0), (1, 0)], [1], [1]),
    "overtaken, and sent twice": ([(0, 0), (2, 0), (1, 0), (1, 0)], [1], [1]),
}
"""Seqs in the order of their arrival, each with DUP or without; which are late; which of these for no known reason."""


@pytest.mark.parametrize(("arrivals", "late", "unexplained"), ARRIVALS.values(), ids=ARRIVALS)
def test_why_a_message_is_late(arrivals, late, unexplained):
    seen = Seen()
    for seq, is_again in arrivals:
        seen.take(Head(seq, 0), is_again=bool(is_again))
    assert [one.seq for one in seen.late] == late
    assert [one.seq for one in seen.unexplained] == unexplained

"""On paper everything is drawn, also what nobody has scrolled to."""

from __future__ import annotations

import pytest
from demo_on_screen import at

pytestmark = pytest.mark.timeout(120)


def test_charts_out_of_sight_are_on_the_paper(demo, shown):
    page = at(shown, demo.recognising, 4, 8)
    steps = page.get_by_role("img", name="Steps per episode")
    steps.wait_for(state="attached")
    page.locator("[data-testid='evidence-canvas'] canvas").first.wait_for()
    assert steps.locator("canvas").count() == 0
    page.pdf()
    assert steps.locator("canvas").count() == 1
    evidence = page.get_by_test_id("evidence-canvas")
    assert evidence.locator("canvas").count() == evidence.count()

"""How Grafana is started, as far as that shows without one."""

from __future__ import annotations

from monty_mqtt_stack.grafana import _bundled_plugins


def test_the_plugins_that_come_with_it_are_found_where_a_package_keeps_them(tmp_path):
    own_files, packaged = tmp_path / "share", tmp_path / "plugins-bundled"
    assert _bundled_plugins(own_files, packaged) == {}, "an older one, or none"
    packaged.mkdir()
    assert _bundled_plugins(own_files, packaged) == {"GF_PATHS_BUNDLED_PLUGINS": str(packaged)}
    (own_files / "data" / "plugins-bundled").mkdir(parents=True)
    assert _bundled_plugins(own_files, packaged) == {}, "it finds those beside it by itself"

"""docs/wire.md says what the schema says."""

import importlib.util
from pathlib import Path

from monty_mqtt.wire import message_pieces, schema

ROOT = Path(__file__).resolve().parents[2]


def wire_doc():
    spec = importlib.util.spec_from_file_location("wire_doc", ROOT / "tools" / "wire_doc.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_up_to_date():
    assert (ROOT / "docs" / "wire.md").read_text() == wire_doc().page(), "run: .venv/bin/python tools/wire_doc.py"


def test_every_kind_and_every_field_is_described():
    tool = wire_doc()
    page = tool.page()
    for name, cls in {
        **schema.KINDS,
        "command": schema.Command,
        **{n: getattr(message_pieces, n) for n in message_pieces.__all__},
    }.items():
        assert f"### {name}\n" in page
        section = tool.section(name, cls)
        for row in section.splitlines():
            if row.startswith("| `"):
                assert not row.endswith("|  |"), f"{name}: {row}"

"""YAML as config files have it: every key once, and `1e-1` a number.

PyYAML reads YAML 1.1, where a number with an exponent needs a point and a sign (`1.0e-1`), and of a key that stands
twice it keeps the last.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from pose.runtime.errors import ConfigError


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> Any:
        # Here, not when the mapping is made: merging (`<<`) has not mixed in other keys yet.
        node: Any = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if (key.tag, key.value) in first:
                earlier = first[key.tag, key.value]
                where = f"line {line}" if line == earlier else f"lines {earlier} and {line}"
                raise ConfigError(f"key {key.value!r:.80} stands twice, in {where}; keep one of them")
            first[key.tag, key.value] = line
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would take for a number."""


_NUMBER = re.compile(r"[-+]?(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)[eE][-+]?\d+")
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(rf"^(?:{_NUMBER.pattern})$"), list("-+.0123456789")
    )


def parse_yaml(text: str) -> Any:
    """The data in a text; nothing in it can run code.

    Raises:
        ConfigError: no YAML, nested too deeply, or a key stands twice.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(str(error)) from None
    except RecursionError:
        raise ConfigError("it is nested too deeply") from None
    except (TypeError, AttributeError, LookupError, OverflowError) as error:  # of PyYAML, on tags and odd dates
        raise ConfigError(f"{type(error).__name__}: {error}") from None


def format_yaml(data: Any) -> str:
    """Plain data as text, keys in their order."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False)

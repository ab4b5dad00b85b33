"""YAML as config files have it: every key once, and numbers as in YAML 1.2.

PyYAML reads YAML 1.1, where a number with an exponent needs a point and a sign (`1.0e-1`), `010` is 8 and `1:30` is
90; and of a key that stands twice it keeps the last.
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


def _read_integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    try:
        return int(text, 0 if re.match(r"[-+]?0[xob]", text) else 10)
    except ValueError:
        raise ConfigError(f"{text!r:.80} is no whole number") from None


_INTEGER, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_NUMBERS = {
    _INTEGER: r"[-+]?(\d[\d_]*|0x[\da-fA-F_]+|0o[0-7_]+|0b[01_]+)",
    _FLOAT: r"[-+]?((\d[\d_]*\.[\d_]*|\.\d[\d_]*)|(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)[eE][-+]?\d+"
    r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN)",
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor(_INTEGER, _read_integer)
for _class in (_Loader, _Dumper):  # what is written is quoted where either version takes it for a number
    for _tag, _pattern in _NUMBERS.items():
        _class.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), list("-+.0123456789"))


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

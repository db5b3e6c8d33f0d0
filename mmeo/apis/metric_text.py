# Copyright (c) mmeo contributors. All rights reserved.
"""A config of a metric from the text of a command line, without ``eval``."""

import ast
from typing import Any

from mmeo.errors import ConfigError


def parse_metric(text: str) -> dict[str, Any]:
    """Read ``"dict(type='VQAAccuracy', match='geochat')"``.

    Args:
        text (str): A call of ``dict`` with keywords, a dict in braces, or a
            bare name, e.g. 'VQAAccuracy'. Values are literals, lists, tuples
            and dicts of them.

    Returns:
        dict[str, Any]: Has ``type``.

    Raises:
        ConfigError: If it is anything else; nothing is ever executed.
    """
    if text.isidentifier():
        return dict(type=text)
    try:
        value = _value(ast.parse(text.strip(), mode='eval').body)
    except (SyntaxError, ValueError) as error:
        raise _refusal(text, str(error)) from None
    if not isinstance(value, dict) or not isinstance(value.get('type'), str):
        raise _refusal(text, 'it has no `type`')
    return value


def _refusal(text: str, reason: str) -> ConfigError:
    return ConfigError(
        f'--metric {text!r} cannot be read: {reason}. Write it as in a '
        "config, values as literals: \"dict(type='VQAAccuracy', "
        "match='normalized')\"")


def _value(node: ast.expr) -> Any:
    """Value of a literal in which dicts may be written as calls."""
    if isinstance(node, ast.Call):
        keywords = {each.arg: each.value for each in node.keywords}
        if (not isinstance(node.func, ast.Name) or node.func.id != 'dict'
                or node.args or None in keywords):
            raise ValueError(f'`{ast.unparse(node)}` is no `dict(key=value)`')
        return {key: _value(each) for key, each in keywords.items()}
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(key): _value(each)
                for key, each in zip(node.keys, node.values)}
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_value(each) for each in node.elts]
        return tuple(items) if isinstance(node, ast.Tuple) else items
    return ast.literal_eval(node)

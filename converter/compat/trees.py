"""XML to dictionaries and back, in the form that scripts of the reference know."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree


def etreeToDict(tree: ElementTree.Element) -> dict[str, Any]:
    """Return an element as ``{tag: content}``, tags without their namespaces.

    The content is a text where there is nothing else; otherwise a dictionary of attributes, of
    children by tag (a list where there are several of one tag), and of ``text``.
    """
    content: dict[str, Any] = {}
    for child in tree:
        for tag, value in etreeToDict(child).items():
            if tag not in content:
                content[tag] = value
            elif isinstance(content[tag], list):
                content[tag].append(value)
            else:
                content[tag] = [content[tag], value]
    content.update((_plain(name), value) for name, value in tree.attrib.items())
    text = (tree.text or "").strip()
    if text and content:
        content["text"] = text
    return {_plain(tree.tag): content or text}


def dictToEtree(
    content: Mapping[str, object], root: ElementTree.Element | None = None
) -> ElementTree.Element:
    """Return the element that :func:`etreeToDict` makes such a dictionary of.

    Parameters
    ----------
    content
        Of one tag; or of any number, which become children of ``root``.
    root
        The element to add to; by default the first tag is the root.
    """
    if root is None:
        if len(content) != 1:
            raise ValueError(f"a tree has one root; these are {list(content)}")
        ((tag, inside),) = content.items()
        root = ElementTree.Element(tag)
        content = inside if isinstance(inside, Mapping) else {"text": inside}
    for name, value in content.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Mapping):
                dictToEtree(part, ElementTree.SubElement(root, name))
            elif name == "text":
                root.text = str(part)
            elif isinstance(value, list):
                ElementTree.SubElement(root, name).text = str(part)
            else:
                root.set(name, str(part))
    return root


def _plain(name: str) -> str:
    return name.rsplit("}", 1)[-1]
